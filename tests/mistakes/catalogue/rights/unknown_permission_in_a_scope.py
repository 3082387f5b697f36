"""
where = "boot"
report = "The scope 'parks.park' has the permission 'parks.park.reed', which no plugin registers"
fix = "Did you mean 'parks.park.read'?"
"""

from changemaker_core import Permission, Plugin, Scope, hookimpl


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl
    def cm_register_permissions(self):
        return [Permission("parks.park.read", "See parks")]

    @hookimpl  # HERE
    def cm_register_scopes(self):
        held = frozenset({"parks.park.reed"})
        return [Scope("parks.park", "Park", held, find={"elm": "Elm Park"}.get)]
