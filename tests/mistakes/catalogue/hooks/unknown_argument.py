"""
where = "boot"
report = "has the arguments 'app', which the hook does not pass"
fix = 'cm_register_routes(site)'
"""

from changemaker_core import Plugin, hookimpl


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl  # HERE
    def cm_register_routes(self, app):
        return []
