"""``/admin/people``: one person's data is found, exported and erased."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Final

import msgspec
from msgspec import Meta

from changemaker_admin.people import addresses
from changemaker_admin.people.views import PersonView, erased_view, person_view
from changemaker_core import (
    Conflict,
    Form,
    Invalid,
    NavigationEntry,
    Redirect,
    Route,
    SendFile,
    SingleLine,
    TemplateResponse,
    Text,
    Unauthorized,
    endpoint,
    flash,
)
from changemaker_core.features.privacy import api as privacy

if TYPE_CHECKING:
    from changemaker_core import Person, Request, Response, Site, Tx

PATH: Final = "/admin/people"
READ: Final = "privacy.read"
EXPORT: Final = "privacy.export"
ERASE: Final = "privacy.erase"
#: As many as a request of the API names.
MOST: Final = 20
#: Pages about a person remain in no cache, of a browser neither.
_NO_STORE: Final = ("Cache-Control", "no-store")


class SearchForm(msgspec.Struct, frozen=True, kw_only=True):
    """Whose data is looked for: the addresses of one person, or the id of an account."""

    emails: Annotated[SingleLine, Meta(min_length=1, max_length=2_000)]


class EraseForm(msgspec.Struct, frozen=True, kw_only=True):
    """``checked``: whoever asks for the erasure is who they say they are."""

    checked: bool = False


class NoFields(msgspec.Struct, frozen=True):
    """A button."""


class PeoplePage:
    """``/admin/people``"""

    @endpoint(permission=EXPORT)
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """Ask for an address."""
        return _search(Form.blank())

    @endpoint(permission=EXPORT, form=SearchForm)
    async def on_post(
        self, req: Request, resp: Response, *, form: Form[SearchForm]
    ) -> TemplateResponse | Redirect:
        """Go to the page about the person with an address."""
        if form.value is None:
            return _search(form)
        named = form.value.emails.replace(",", " ").replace(";", " ").split()
        if len(named) > MOST:
            form.reject("emails", Text("Enter at most {most} addresses at once.", most=MOST))
            return _search(form)
        try:
            person = await asyncio.to_thread(privacy.find_person_for, req.site, req.actor, named)
        except Invalid as invalid:
            for error in invalid.errors:
                form.reject("emails", error.message)
            return _search(form)
        return Redirect(addresses.path_of(req, person.emails))


class PersonPage:
    """``/admin/people/{slug}``"""

    @endpoint(permission=EXPORT, recent_sign_in=True)
    async def on_get(self, req: Request, resp: Response, *, slug: str) -> TemplateResponse:
        """Show everything that the site stores about a person."""
        resp.set_header(*_NO_STORE)
        person = await _person(req, slug)
        held = await asyncio.to_thread(privacy.look_up, req.site, person)
        return TemplateResponse("admin/people/person.html", _context(req, slug, person, held))


class ExportPage:
    """``/admin/people/{slug}/export``"""

    @endpoint(permission=EXPORT, form=NoFields, recent_sign_in=True, produces="application/json")
    async def on_post(
        self, req: Request, resp: Response, *, slug: str, form: Form[NoFields]
    ) -> SendFile:
        """Download everything that the site stores about a person."""
        resp.set_header(*_NO_STORE)
        person = await _person(req, slug)

        def export(site: Site) -> bytes:
            def translate(text: str) -> str:
                return site.translations.translate(text, req.locale)

            _, found = privacy.export(site, person, translate)
            return msgspec.json.format(msgspec.json.encode(found), indent=2)

        content = await asyncio.to_thread(export, req.site)
        name = f"personal-data-{req.site.clock():%Y-%m-%d}.json"
        return SendFile(content, "application/json", download=name)


class ErasePage:
    """``/admin/people/{slug}/erase``"""

    @endpoint(permission=ERASE, recent_sign_in=True)
    async def on_get(self, req: Request, resp: Response, *, slug: str) -> TemplateResponse:
        """Say what an erasure deletes, and what it leaves."""
        return await _ask(req, resp, slug, Form.blank())

    @endpoint(permission=ERASE, form=EraseForm, recent_sign_in=True)
    async def on_post(
        self, req: Request, resp: Response, *, slug: str, form: Form[EraseForm]
    ) -> TemplateResponse | Redirect:
        """Erase everything that the site stores about a person."""
        if form.value is None or not form.value.checked:
            form.reject("checked", Text("Tick this box once you have made sure."))
            return await _ask(req, resp, slug, form)
        if req.session is None:
            raise Unauthorized(Text("Sign in with your browser to see this page."))
        person = await _person(req, slug)
        try:
            await asyncio.to_thread(privacy.check_erasable, req.site, person, req.actor)
            done = await asyncio.to_thread(privacy.erase, req.site, person)
        except Conflict as conflict:
            form.reject("", conflict.detail or conflict.title)
            return await _ask(req, resp, slug, form)
        if any(each.remaining for each in done):
            context = {"slug": slug, "emails": person.emails, "erased": erased_view(done)}
            resp.set_header(*_NO_STORE)
            return TemplateResponse("admin/people/remaining.html", context)
        count = sum(each.erased for each in done)

        def tell(tx: Tx) -> None:
            flash(tx, req, Text("Everything is erased. Entries: {count}.", count=count))

        await req.site.db.write(tell)
        return Redirect(PATH)


class RetentionPage:
    """``/admin/people/retention``"""

    @endpoint(permission=READ)
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """Show how long each kind of data is kept, and how much is too old now."""
        site = req.site
        expired = await asyncio.to_thread(privacy.count_expired, site)
        rows = {each.kind.name: count for each, count in expired}
        kinds = [
            {"kind": kind, "days": privacy.days_of(site, kind), "expired": rows.get(kind.name)}
            for kind in privacy.kinds_of(site)
        ]
        return TemplateResponse("admin/people/retention.html", {"kinds": kinds})


def _search(form: Form[SearchForm]) -> TemplateResponse:
    status = 422 if form.errors else 200
    return TemplateResponse("admin/people/search.html", {"form": form}, status=status)


async def _person(req: Request, slug: str) -> Person:
    """Return the person of a page. Raise ``Forbidden`` for the account of somebody who may do more
    than whoever asks."""
    emails = addresses.addresses_in(req, slug)
    return await asyncio.to_thread(privacy.find_person_for, req.site, req.actor, emails)


async def _ask(req: Request, resp: Response, slug: str, form: Form[EraseForm]) -> TemplateResponse:
    resp.set_header(*_NO_STORE)
    person = await _person(req, slug)
    obstacle = None
    try:
        await asyncio.to_thread(privacy.check_erasable, req.site, person, req.actor)
    except Conflict as conflict:
        obstacle = conflict.detail or conflict.title
    held = await asyncio.to_thread(privacy.look_up, req.site, person)
    context = {**_context(req, slug, person, held), "form": form, "obstacle": obstacle}
    status = 422 if form.errors else 200
    return TemplateResponse("admin/people/erase.html", context, status=status)


def _context(
    req: Request, slug: str, person: Person, held: list[privacy.Held]
) -> dict[str, object]:
    view: PersonView = person_view(person, held)
    return {
        "slug": slug,
        "person": view,
        "may_erase": req.actor is not None and req.actor.has_permission(ERASE),
    }


CONTRIBUTIONS: Final = (
    Route(PATH, PeoplePage()),
    Route("/admin/people/retention", RetentionPage()),
    Route("/admin/people/{slug}", PersonPage()),
    Route("/admin/people/{slug}/export", ExportPage()),
    Route("/admin/people/{slug}/erase", ErasePage()),
    NavigationEntry(Text("People"), PATH, permission=EXPORT, group="people", icon="people"),
)
