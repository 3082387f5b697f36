"""
where = "boot"
report = "'parks' is not a path"
fix = 'Begin it with a /'
"""

from changemaker_core import Plugin, Route, endpoint, hookimpl


class Parks:
    @endpoint(public=True)
    async def on_get(self, req, resp):
        return {}


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl  # HERE
    def cm_register_routes(self):
        return [Route("parks", Parks())]
