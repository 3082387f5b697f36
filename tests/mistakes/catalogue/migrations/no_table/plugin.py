"""
where = "doctor"
report = 'create parks_bench'
fix = 'Run `changemaker migrations make parks`'
place = false
"""

from changemaker_core import Model, Plugin, UUIDField, hookimpl


class Bench(Model):
    id = UUIDField(primary_key=True)

    class Meta:
        table_name = "parks_bench"


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl
    def cm_register_models(self):
        return [Bench]
