"""
where = "development"
report = "Suggestion has no field 'naem'. Did you mean 'name'?"
fix = "Name one of name, place"
"""

from changemaker_core import Body, Plugin, Route, TemplateResponse, endpoint


class Suggestion(Body, frozen=True):
    name: str
    place: str


class Park:
    @endpoint(public=True)
    async def on_get(self, req, resp):
        return TemplateResponse("parks/park.html", {"form": None})

    @endpoint(public=True, form=Suggestion)
    async def on_post(self, req, resp, *, form):
        return TemplateResponse("parks/park.html", {"form": form})


class ParksPlugin(Plugin):
    name = "parks"
    contributes = (Route("/parks", Park()),)
