"""
where = "boot"
report = "must have the name '{slug}'"
fix = "Write '{slug}' in both"
"""

from changemaker_core import Plugin, Route, endpoint, hookimpl


class Maps:
    @endpoint(public=True)
    async def on_get(self, req, resp, *, slug):
        return {}


class Parks:
    @endpoint(public=True)
    async def on_get(self, req, resp, *, id):
        return {}


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl  # HERE
    def cm_register_routes(self):
        return [Route("/parks/{slug}/map", Maps()), Route("/parks/{id}", Parks())]
