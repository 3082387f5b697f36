"""
where = "boot"
report = "The check 'benches' does not begin with 'parks.'"
fix = 'Call it parks.'
"""

from changemaker_core import Check, Plugin, hookimpl


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl  # HERE
    def operations_register_checks(self):
        return [Check("benches", list)]
