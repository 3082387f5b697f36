"""
where = "boot"
report = "The function of the job 'parks.water' is `async`"
fix = 'Write `def`'
"""

from changemaker_core import Job, Plugin, hookimpl


async def water(run): ...


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl  # HERE
    def cm_register_jobs(self):
        return [Job("parks.water", water)]
