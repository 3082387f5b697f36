"""
where = "boot"
report = "The permission 'park.read' does not begin with 'parks.'"
fix = 'Call it parks.'
"""

from changemaker_core import Permission, Plugin, hookimpl


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl  # HERE
    def cm_register_permissions(self):
        return [Permission("park.read", "See parks")]
