"""
where = "boot"
report = '@endpoint of Parks.on_post'
fix = 'body, query and form are msgspec Structs'
"""

from changemaker_core import Plugin, Route, endpoint, hookimpl


class Parks:
    @endpoint(public=True, body=dict)  # HERE
    async def on_post(self, req, resp, *, body):
        return {}


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl
    def cm_register_routes(self):
        return [Route("/parks", Parks())]
