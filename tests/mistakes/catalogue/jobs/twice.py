"""
where = "boot"
report = "It registers the job 'parks.water' twice"
fix = 'Remove one'
"""

from changemaker_core import Job, Plugin, hookimpl


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl  # HERE
    def cm_register_jobs(self):
        return [Job("parks.water", print), Job("parks.water", print)]
