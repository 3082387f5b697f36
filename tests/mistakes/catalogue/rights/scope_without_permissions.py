"""
where = "boot"
report = "The scope 'parks.park' has no permission: a role would allow nothing"
fix = "Name the permissions that can be held for one object."
"""

from changemaker_core import Plugin, Scope, hookimpl


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl  # HERE
    def cm_register_scopes(self):
        return [Scope("parks.park", "Park", frozenset(), find={"elm": "Elm Park"}.get)]
