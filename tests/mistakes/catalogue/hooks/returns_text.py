"""
where = "boot"
report = 'returned a list with a str in it instead of Route'
fix = 'Return a list[Route]'
"""

from changemaker_core import Plugin, hookimpl


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl  # HERE
    def cm_register_routes(self):
        return ["/parks"]
