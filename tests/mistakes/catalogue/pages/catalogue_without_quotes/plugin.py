"""
where = "doctor"
report = 'This line is not part of a catalogue'
fix = 'Write msgid'
"""

from changemaker_core import Plugin, Route, TemplateResponse, endpoint, hookimpl


class Park:
    @endpoint(public=True)
    async def on_get(self, req, resp):
        return TemplateResponse("parks/park.html")


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl
    def cm_register_routes(self):
        return [Route("/parks", Park())]
