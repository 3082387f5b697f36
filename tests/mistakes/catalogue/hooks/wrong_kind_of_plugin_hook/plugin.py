"""
where = "boot"
report = 'parks_register_benches returned a list with a str in it instead of Bench'
fix = 'Return a list[Bench]'
"""

from changemaker_core import Plugin, hookimpl


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl  # HERE
    def parks_register_benches(self):
        return ["oak"]
