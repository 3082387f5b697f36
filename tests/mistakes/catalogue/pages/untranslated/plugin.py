"""
where = "doctor"
report = "It does not translate 'Every park' (park.html:3)"
fix = "Write a msgstr for each"
"""

from changemaker_core import Plugin, Route, TemplateResponse, endpoint


class Park:
    @endpoint(public=True)
    async def on_get(self, req, resp):
        return TemplateResponse("parks/park.html")


class ParksPlugin(Plugin):
    name = "parks"
    contributes = (Route("/parks", Park()),)
