"""
where = "boot"
report = "The queue 'Slow work' of the job 'parks.water' is no name of a queue"
fix = 'a-z, 0-9 and -'
"""

from changemaker_core import Job, Plugin, hookimpl


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl  # HERE
    def cm_register_jobs(self):
        return [Job("parks.water", print, queue="Slow work")]
