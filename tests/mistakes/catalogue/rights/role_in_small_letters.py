"""
where = "boot"
report = "The role 'gardener' is not named in capitals"
fix = "PETITIONS_ADMIN"
"""

from changemaker_core import Plugin, Role, hookimpl


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl  # HERE
    def cm_register_roles(self):
        return [Role("gardener", "Sees parks", frozenset())]
