"""
where = "boot"
report = 'Parks.on_get at /parks has an option that fails: AttributeError'
fix = "Its functions take the plugin's configuration"
"""

from changemaker_core import Plugin, Route, endpoint, hookimpl


class Parks:
    @endpoint(public=True, max_body=lambda config: config.largest_park)  # HERE
    async def on_get(self, req, resp):
        return {}


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl
    def cm_register_routes(self):
        return [Route("/parks", Parks())]
