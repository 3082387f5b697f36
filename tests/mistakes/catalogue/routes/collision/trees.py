"""Another plugin, whose path it is."""

from changemaker_core import Plugin, Route, endpoint, hookimpl


class Trees:
    @endpoint(public=True)
    async def on_get(self, req, resp):
        return {}


class TreesPlugin(Plugin):
    name = "trees"

    @hookimpl
    def cm_register_routes(self):
        return [Route("/trees", Trees())]
