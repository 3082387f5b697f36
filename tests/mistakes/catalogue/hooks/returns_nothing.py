"""
where = "boot"
report = 'cm_register_jobs returned nothing instead of a list[Job]'
fix = 'Return a list'
"""

from changemaker_core import Plugin, hookimpl


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl  # HERE
    def cm_register_jobs(self):
        self.jobs = []
