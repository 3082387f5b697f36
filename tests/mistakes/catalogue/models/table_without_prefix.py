"""
where = "boot"
report = "The table 'benches' does not begin with 'parks_'"
fix = 'Call it parks_'
"""

from changemaker_core import Model, Plugin, UUIDField, hookimpl


class Bench(Model):  # HERE
    id = UUIDField(primary_key=True)

    class Meta:
        table_name = "benches"


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl
    def cm_register_models(self):
        return [Bench]
