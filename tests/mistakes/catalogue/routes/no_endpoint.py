"""
where = "boot"
report = 'Parks.on_get at /parks has no @endpoint'
fix = '@endpoint(public=True)'
"""

from changemaker_core import Plugin, Route, hookimpl


class Parks:
    async def on_get(self, req, resp):  # HERE
        return {}


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl
    def cm_register_routes(self):
        return [Route("/parks", Parks())]
