"""
where = "boot"
report = "`contributes` has a Park in it, which no hook takes"
fix = "what hooks return lists of, such as Route and Job"
"""

from changemaker_core import Plugin, endpoint


class Park:
    @endpoint(public=True)
    async def on_get(self, req, resp):
        return {}


class ParksPlugin(Plugin):  # HERE
    name = "parks"
    contributes = (Park(),)
