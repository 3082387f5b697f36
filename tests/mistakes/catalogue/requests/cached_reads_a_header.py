"""
where = "request"
report = 'The cached response of /parks depends on the header'
fix = 'Remove cache=, or do without it; req.loc'
"""

from changemaker_core import Plugin, Route, endpoint, hookimpl


class Parks:
    def __init__(self, site):
        self.site = site

    @endpoint(public=True, cache=60)
    async def on_get(self, req, resp):
        return {"agent": req.get_header("User-Agent")}  # HERE


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl
    def cm_register_routes(self, site):
        return [Route("/parks", Parks(site))]
