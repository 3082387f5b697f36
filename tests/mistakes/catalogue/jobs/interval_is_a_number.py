"""
where = "boot"
report = 'Interval(60) is not a period'
fix = 'write Interval(timedelta(hours=1))'
"""

from changemaker_core import Interval, Job, Plugin, hookimpl


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl
    def cm_register_jobs(self):
        return [Job("parks.water", print, schedule=Interval(60))]  # HERE
