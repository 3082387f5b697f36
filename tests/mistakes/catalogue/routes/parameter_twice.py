"""
where = "boot"
report = 'names a parameter twice'
fix = 'a name of its own'
"""

from changemaker_core import Plugin, Route, endpoint, hookimpl


class Parks:
    @endpoint(public=True)
    async def on_get(self, req, resp, *, id):
        return {}


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl  # HERE
    def cm_register_routes(self):
        return [Route("/parks/{id}/trees/{id}", Parks())]
