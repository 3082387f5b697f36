"""
where = "boot"
report = 'a rate is written like'
fix = '"10/minute"'
"""

from changemaker_core import Plugin, Route, endpoint, hookimpl


class Parks:
    @endpoint(public=True, rate_limit="ten a minute")  # HERE
    async def on_get(self, req, resp):
        return {}


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl
    def cm_register_routes(self):
        return [Route("/parks", Parks())]
