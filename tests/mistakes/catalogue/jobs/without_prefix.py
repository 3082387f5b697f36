"""
where = "boot"
report = "The job 'water' does not begin with 'parks.'"
fix = 'Call it parks.'
"""

from changemaker_core import Job, Plugin, hookimpl


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl  # HERE
    def cm_register_jobs(self):
        return [Job("water", print)]
