"""
where = "boot"
report = 'The method cm_register_routes has no @hookimpl'
fix = 'Mark it'
"""

from changemaker_core import Plugin


class ParksPlugin(Plugin):
    name = "parks"

    def cm_register_routes(self):  # HERE
        return []
