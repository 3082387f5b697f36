"""
where = "boot"
report = "'any_colour' has no value while the query is built"
fix = "Name it in shape=('any_colour',)"
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
def benches(since: str | None = None, any_colour: bool = False) -> Query:
    query = Bench.select(Bench.id)
    if any_colour:
        query = query.where(Bench.painted_at.is_null(False))
    return query


class ParksPlugin(Plugin):
    name = "parks"
