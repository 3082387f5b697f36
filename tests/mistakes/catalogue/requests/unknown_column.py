"""
where = "request"
report = "Bench has no 'nmae' for a column. Did you mean 'name'?"
fix = "Did you mean 'name'?"
"""

import msgspec

from changemaker_core import Model, Plugin, Route, UUIDField, compiled, csv_stream, endpoint


class BenchRow(Model):
    id = UUIDField(primary_key=True)

    class Meta:
        table_name = "parks_bench"


class Bench(msgspec.Struct):
    id: str
    name: str = "Bench"


@compiled(Bench)
def benches():
    return BenchRow.select(BenchRow.id)


class Parks:
    @endpoint(public=True)
    async def on_get(self, req, resp):
        return csv_stream(benches(), {"Name": "nmae"}, download="parks.csv")  # HERE


class ParksPlugin(Plugin):
    name = "parks"
    contributes = (Route("/parks", Parks()),)
