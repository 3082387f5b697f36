"""
where = "boot"
report = "requires 'parks.park.read', which no plugin registers"
fix = "Add Permission('"
"""

from changemaker_core import Plugin, Route, endpoint, hookimpl


class Parks:
    @endpoint(permission="parks.park.read")  # HERE
    async def on_get(self, req, resp):
        return {}


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl
    def cm_register_routes(self):
        return [Route("/parks", Parks())]
