"""
where = "boot"
report = "The function of the job 'parks.water' cannot be called"
fix = 'Write the function itself'
"""

from changemaker_core import Job, Plugin, hookimpl


def water(): ...


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl  # HERE
    def cm_register_jobs(self):
        return [Job("parks.water", water())]
