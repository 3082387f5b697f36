"""
where = "boot"
report = '@endpoint of Parks.on_get'
fix = 'declare either public=True or permission'
"""

from changemaker_core import Plugin, Route, endpoint, hookimpl


class Parks:
    @endpoint(public=True, permission="parks.park.read")  # HERE
    async def on_get(self, req, resp):
        return {}


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl
    def cm_register_routes(self):
        return [Route("/parks", Parks())]
