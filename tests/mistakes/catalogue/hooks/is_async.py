"""
where = "boot"
report = 'cm_register_jobs is `async`'
fix = 'Remove `async`'
"""

from changemaker_core import Plugin, hookimpl


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl  # HERE
    async def cm_register_jobs(self):
        return []
