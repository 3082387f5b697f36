"""
where = "request"
report = 'db.sync is for jobs and commands'
fix = 'use `await site.db'
"""

from changemaker_core import Plugin, Route, endpoint, hookimpl


class Parks:
    def __init__(self, site):
        self.site = site

    @endpoint(public=True)
    async def on_get(self, req, resp):
        self.site.db.sync.read(list)  # HERE
        return {}


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl
    def cm_register_routes(self, site):
        return [Route("/parks", Parks(site))]
