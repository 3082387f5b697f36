"""A plugin whose roles can be limited to one park each."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import (
    NavigationEntry,
    NotFound,
    PageMetadata,
    Permission,
    Plugin,
    Role,
    Route,
    Scope,
    TemplateResponse,
    Text,
    endpoint,
    hookimpl,
)

if TYPE_CHECKING:
    from changemaker_core import Request, Response

READ, WRITE, CLOSE = "parks.park.read", "parks.park.write", "parks.park.close"
#: Parks by id; a test may close one.
TITLES = {"elm": "Elm Park", "oak": "Oak Park"}


class Parks:
    @endpoint(permission=READ, on="*")
    async def on_get(self, req: Request, resp: Response, *, objects: list[str] | None) -> dict:
        """List the parks."""
        shown = TITLES if objects is None else set(objects) & TITLES.keys()
        return {"data": sorted(shown)}


class ParksPage:
    @endpoint(permission=READ, on="*")
    async def on_get(
        self, req: Request, resp: Response, *, objects: list[str] | None
    ) -> TemplateResponse:
        """A page of those who see parks, with their menu."""
        return TemplateResponse("frames/admin.html", metadata=PageMetadata("Parks"))


class Park:
    @endpoint(permission=READ, on="id")
    async def on_get(self, req: Request, resp: Response, *, id: str) -> dict:
        """Return a park."""
        if id not in TITLES:
            raise NotFound
        return {"id": id}

    @endpoint(permission=CLOSE, status=204)
    async def on_delete(self, req: Request, resp: Response, *, id: str) -> None:
        """Close a park."""


class ParksPlugin(Plugin):
    name = "parks"
    contributes = (
        Permission(READ, Text("See parks")),
        Permission(WRITE, Text("Edit parks")),
        Permission(CLOSE, Text("Close parks")),
        Role("PARKS_ADMIN", Text("Runs the parks"), frozenset({READ, WRITE, CLOSE})),
        Role("PARKS_READER", Text("Sees the parks"), frozenset({READ})),
        NavigationEntry(Text("All parks"), "/organise/parks", permission=READ, on="*"),
        NavigationEntry(Text("Closing"), "/organise/parks", permission=CLOSE),
        Scope("parks.park", Text("Park"), frozenset({READ, WRITE}), TITLES.get),
    )

    @hookimpl
    def cm_register_routes(self) -> list[Route]:
        return [
            Route("/api/parks", Parks()),
            Route("/api/parks/{id}", Park()),
            Route("/organise/parks", ParksPage()),
        ]
