"""The manifest of gallery: a list, and a form with every kind of field."""

from __future__ import annotations

from datetime import date, datetime, time
from enum import Enum
from typing import Annotated

import msgspec
from msgspec import Meta

from changemaker_core import (
    Email,
    ListQuery,
    NavigationEntry,
    Permission,
    Plugin,
    Redirect,
    Role,
    Route,
    TemplateResponse,
    Text,
    endpoint,
    flash,
    hookimpl,
    paginate,
)


class Level(Enum):
    LOCAL = "local"
    NATIONAL = "national"


class EventForm(msgspec.Struct, frozen=True, kw_only=True):
    """One field of each kind."""

    title: Annotated[str, Meta(min_length=3, max_length=80)]
    email: Email
    phone: Annotated[str, Meta(max_length=30)] | None = None
    website: Annotated[str, Meta(pattern=r"^https?://")] | None = None
    places: Annotated[int, Meta(ge=1, le=500)]
    day: date
    doors: time
    starts_at: datetime
    level: Level
    kind: Annotated[str, Meta(min_length=1)]
    topics: Annotated[list[str], Meta(min_length=1)]
    description: Annotated[str, Meta(max_length=2_000)] | None = None
    consent: bool = False


class Row(msgspec.Struct):
    title: str
    places: int
    day: date


class Events:
    """``/gallery``"""

    @endpoint(permission="gallery.event.write", query=ListQuery)
    async def on_get(self, req, resp, *, query):
        """A list."""
        rows = [
            Row(f"Community meeting number {n} about the night buses", n * 31, date(2026, 6, n + 1))
            for n in range(query.offset, query.offset + 4)
        ]
        page = paginate(rows[: query.limit + 1], query, 13)
        return TemplateResponse("gallery/list.html", {"page": page, "sort": "-title"})


class EditEvent:
    """``/gallery/new``"""

    @endpoint(permission="gallery.event.write")
    async def on_get(self, req, resp):
        """The form."""
        return TemplateResponse("gallery/edit.html", {"form": None})

    @endpoint(permission="gallery.event.write", form=EventForm)
    async def on_post(self, req, resp, *, form):
        """Save it."""
        if form.value is None:
            return TemplateResponse("gallery/edit.html", {"form": form}, 422)
        saved = Text("“{title}” is saved.", title=form.value.title)
        await req.site.db.write(lambda tx: flash(tx, req, saved))
        return Redirect("/gallery")


class CachedPage:
    """``/gallery/{name}``: a template that is rendered once for all visitors."""

    @endpoint(public=True, cache=60)
    async def on_get(self, req, resp, *, name):
        """A cached page."""
        return TemplateResponse(f"gallery/cached_{name}.html")


class PublicForm:
    """``/gallery-signup``: a form for everybody, on a page that could be cached."""

    @endpoint(public=True, form=EventForm)
    async def on_post(self, req, resp, *, form):
        """Sign up."""
        return {"valid": form.value is not None}


class GalleryPlugin(Plugin):
    """Pages of organisers."""

    name = "gallery"

    @hookimpl
    def cm_register_routes(self, site):
        return [
            Route("/gallery", Events()),
            Route("/secrets", Events()),
            Route("/gallery/new", EditEvent()),
            Route("/gallery-cached/{name}", CachedPage()),
            Route("/gallery-signup", PublicForm()),
        ]

    @hookimpl
    def cm_register_permissions(self):
        return [Permission("gallery.event.write", Text("Edit events"))]

    @hookimpl
    def cm_register_roles(self):
        return [Role("CURATOR", Text("Edits events"), frozenset({"gallery.event.write"}))]

    @hookimpl
    def cm_register_navigation(self):
        return [
            NavigationEntry(Text("Events"), "/gallery", permission="gallery.event.write"),
            NavigationEntry(Text("Secrets"), "/secrets", permission="accounts.user.write"),
            NavigationEntry(Text("For everybody"), "/sign-in"),
        ]
