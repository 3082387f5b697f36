"""
where = "boot"
report = "does not take 'id', which it gets"
fix = 'async def on_get(self, req, resp, *, id)'
"""

from changemaker_core import Plugin, Route, endpoint, hookimpl


class Parks:
    @endpoint(public=True)  # HERE
    async def on_get(self, req, resp):
        return {}


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl
    def cm_register_routes(self):
        return [Route("/parks/{id}", Parks())]
