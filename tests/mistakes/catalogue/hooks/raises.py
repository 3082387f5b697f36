"""
where = "boot"
report = 'cm_register_routes raised ZeroDivisionError: division by zero'
fix = 'leave it out'
"""

from changemaker_core import Plugin, hookimpl


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl
    def cm_register_routes(self):
        return [1 / 0]  # HERE
