"""
where = "boot"
report = "takes 'slug', which it does not get"
fix = 'Write `async def on_get'
"""

from changemaker_core import Plugin, Route, endpoint, hookimpl


class Parks:
    @endpoint(public=True)  # HERE
    async def on_get(self, req, resp, *, slug):
        return {}


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl
    def cm_register_routes(self):
        return [Route("/parks", Parks())]
