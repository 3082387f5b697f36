"""
where = "boot"
report = "`contributes` is neither a tuple nor a list"
fix = 'with the comma'
"""

from changemaker_core import Plugin, Route, endpoint


class Park:
    @endpoint(public=True)
    async def on_get(self, req, resp):
        return {}


class ParksPlugin(Plugin):  # HERE
    name = "parks"
    contributes = Route("/parks", Park())
