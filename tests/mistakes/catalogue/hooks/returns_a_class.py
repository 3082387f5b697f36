"""
where = "boot"
report = 'returned a list with the class Job in it instead of Job'
fix = 'Return a list[Job]'
"""

from changemaker_core import Job, Plugin, hookimpl


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl  # HERE
    def cm_register_jobs(self):
        return [Job]
