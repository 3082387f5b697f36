"""
where = "boot"
report = 'it must be declared with async def'
fix = 'async def'
"""

from changemaker_core import Plugin, Route, endpoint, hookimpl


class Parks:
    @endpoint(public=True)  # HERE
    def on_get(self, req, resp):
        return {}


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl
    def cm_register_routes(self):
        return [Route("/parks", Parks())]
