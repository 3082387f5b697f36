"""
where = "boot"
report = "The path '/trees' of Parks already belongs to trees"
fix = 'change the path'
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
        return [Route("/trees", Parks())]
