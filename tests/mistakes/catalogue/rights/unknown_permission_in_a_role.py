"""
where = "boot"
report = "The role 'GARDENER' has the permission 'parks.park.reed', which no plugin registers"
fix = "Did you mean 'parks.park.read'?"
"""

from changemaker_core import Permission, Plugin, Role, hookimpl


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl
    def cm_register_permissions(self):
        return [Permission("parks.park.read", "See parks")]

    @hookimpl  # HERE
    def cm_register_roles(self):
        return [Role("GARDENER", "Sees parks", frozenset({"parks.park.reed"}))]
