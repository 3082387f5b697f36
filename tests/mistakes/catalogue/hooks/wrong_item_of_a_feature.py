"""
where = "boot"
report = 'operations_register_checks returned a list with a str in it instead of Check'
fix = 'Return a list[Check]'
"""

from changemaker_core import Plugin, hookimpl


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl  # HERE
    def operations_register_checks(self):
        return ["benches"]
