"""
where = "boot"
report = "HomePage('/park') leads to no route of any plugin. Did you mean '/parks'?"
fix = 'Correct the path'
"""

from changemaker_core import HomePage, Plugin, Route, endpoint, hookimpl


class Parks:
    @endpoint(public=True)
    async def on_get(self, req, resp):
        return {}


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl
    def cm_register_routes(self):
        return [Route("/parks", Parks())]

    @hookimpl  # HERE
    def cm_register_home_page(self):
        return [HomePage("/park")]
