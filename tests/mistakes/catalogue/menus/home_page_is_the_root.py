"""
where = "boot"
report = "HomePage('/') is / itself"
fix = 'Name another path'
"""

from changemaker_core import HomePage, Plugin, hookimpl


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl  # HERE
    def cm_register_home_page(self):
        return [HomePage("/")]
