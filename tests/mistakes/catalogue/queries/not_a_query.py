"""
where = "boot"
report = 'benches: it must return a SELECT query'
fix = 'return a SELECT query'
"""

import msgspec

from changemaker_core import Model, Plugin, Query, UtcField, UUIDField, compiled


class Bench(Model):
    id = UUIDField(primary_key=True)
    painted_at = UtcField(null=True)

    class Meta:
        table_name = "parks_bench"


class Row(msgspec.Struct):
    id: str


@compiled(Row)  # HERE
def benches(limit: int = 5) -> Query:
    return None


class ParksPlugin(Plugin):
    name = "parks"
