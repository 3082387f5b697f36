"""
where = "boot"
report = 'Bench must derive from changemaker_core.Model'
fix = "core's own"
"""

import peewee

from changemaker_core import Plugin, UUIDField, hookimpl


class Bench(peewee.Model):  # HERE
    id = UUIDField(primary_key=True)

    class Meta:
        table_name = "parks_bench"


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl
    def cm_register_models(self):
        return [Bench]
