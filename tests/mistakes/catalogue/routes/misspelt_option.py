"""
where = "boot"
report = "endpoint() got an unexpected keyword argument 'cach'. Did you mean 'cache'?"
fix = "leave it out with"
"""

from changemaker_core import Plugin, Route, endpoint


class Park:
    @endpoint(public=True, cach=60)  # HERE
    async def on_get(self, req, resp):
        return {}


class ParksPlugin(Plugin):
    name = "parks"
    contributes = (Route("/parks", Park()),)
