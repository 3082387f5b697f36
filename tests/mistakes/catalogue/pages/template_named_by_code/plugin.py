"""
where = "development"
report = "There is no template 'parks/parc.html'. Did you mean 'parks/park.html'?"
fix = 'or add the template'
"""

from changemaker_core import Plugin, Route, TemplateResponse, endpoint, hookimpl


class Park:
    @endpoint(public=True)
    async def on_get(self, req, resp):
        return TemplateResponse("parks/parc.html")  # HERE


class ParksPlugin(Plugin):
    name = "parks"

    @hookimpl
    def cm_register_routes(self):
        return [Route("/parks", Park())]
