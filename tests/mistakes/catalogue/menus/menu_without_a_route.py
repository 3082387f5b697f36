"""
where = "boot"
report = "NavigationEntry('/parcs') leads to no route of any plugin"
fix = 'Correct the path'
"""

from changemaker_core import NavigationEntry, Plugin, hookimpl


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl  # HERE
    def cm_register_navigation(self):
        return [NavigationEntry("Parks", "/parcs")]
