"""
where = "boot"
report = "No hook is called 'cm_register_rotues'. Did you mean 'cm_register_routes'?"
fix = 'Correct the name'
"""

from changemaker_core import Plugin, hookimpl


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl  # HERE
    def cm_register_rotues(self):
        return []
