"""
where = "boot"
report = "Bench.painted_at: peewee's DateTimeField drops the UTC offset"
fix = "core's own"
"""

from peewee import DateTimeField

from changemaker_core import Model, Plugin, UUIDField, hookimpl


class Bench(Model):  # HERE
    id = UUIDField(primary_key=True)
    painted_at = DateTimeField()

    class Meta:
        table_name = "parks_bench"


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl
    def cm_register_models(self):
        return [Bench]
