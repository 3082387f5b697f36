"""The public pages of campaigns."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated, Any

import msgspec
from msgspec import Meta

from changemaker_core import Form, Invalid, LimitReached, NotFound, Page, Redirect, Text, endpoint
from changemaker_influence.campaigns import queries
from changemaker_influence.campaigns.letter import Letter
from changemaker_influence.campaigns.public import CACHED
from changemaker_influence.directories.problems import LOOKUP_ERRORS, reason
from changemaker_influence.emails.consent import CONSENT, PLEASE_AGREE
from changemaker_influence.emails.recipients import targeted
from changemaker_influence.emails.schemas import SendEmail, SendForm

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Site
    from changemaker_influence.campaigns.queries import CampaignView
    from changemaker_influence.directories.lookup import Found, Lookups
    from changemaker_influence.directories.representatives import Representative
    from changemaker_influence.emails.sending import Sending

#: How many campaigns the list shows; an organisation has few open at once.
LISTED = 100
#: What somebody looked up is theirs alone.
_NOT_KEPT = ("Cache-Control", "no-store")


class CampaignListPage:
    """``/campaigns``"""

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(public=True, cache=CACHED)
    async def on_get(self, req: Request, resp: Response) -> Page:
        """The campaigns that are open."""
        wanted = queries.open_campaigns(now=self._site.clock(), limit=LISTED)
        cards = await self._site.db.all(wanted)
        home = self._site.config.home_page == "/campaigns"
        return Page("influence/campaign_list.html", {"campaigns": cards, "home": home})


class PageQuery(msgspec.Struct, frozen=True):
    """What the campaign page is asked for: the postal code as typed."""

    postal_code: Annotated[str, Meta(max_length=100)] = ""


class CampaignPage:
    """``/campaigns/{slug}``"""

    def __init__(self, site: Site, lookups: Lookups, sending: Sending) -> None:
        self._site = site
        self._lookups = lookups
        self._sending = sending

    @endpoint(public=True, query=PageQuery, cache=CACHED)
    async def on_get(self, req: Request, resp: Response, *, slug: str, query: PageQuery) -> Page:
        """A campaign: find who represents you, choose, read the message, send it."""
        view = await self._view(slug)
        if not view.is_open(self._site.clock()):
            return self._not_open(view)
        return await self._page(view, query.postal_code.strip())

    @endpoint(public=True, form=SendForm)
    async def on_post(
        self, req: Request, resp: Response, *, slug: str, form: Form[SendForm]
    ) -> Page | Redirect:
        """Send the message; the browser goes on to the page that tells what became of it."""
        view = await self._view(slug)
        if not view.is_open(self._site.clock()):
            return self._not_open(view, status=409)
        if form.value is not None and form.value.website:
            form.reject("website", Text("Leave this box empty: it is there to stop robots."))
        if form.value is None:
            _ask_to_agree(form)
            return await self._page(view, _typed(form), form, status=422)
        return await self._send(req, view, form, form.value)

    async def _send(
        self, req: Request, view: CampaignView, form: Form[SendForm], value: SendForm
    ) -> Page | Redirect:
        wanted = _wanted(view, value)
        try:
            taken = await self._sending.take(view, wanted, visitor=req.visitor, locale=req.locale)
        except Invalid as invalid:
            _reject(form, invalid)
            return await self._page(view, value.postal_code, form, status=422)
        except LimitReached as reached:
            seconds = max(1, math.ceil(reached.retry_after.total_seconds()))
            form.reject("", Text("You have written many messages. Please try again later."))
            headers = (("Retry-After", str(seconds)),)
            return await self._page(view, value.postal_code, form, status=429, headers=headers)
        except LOOKUP_ERRORS:
            # The page looks it up again and says what is wrong, beside the field.
            return await self._page(view, value.postal_code, form, status=422)
        return Redirect(f"/emails/{taken[0].id}")

    async def _view(self, slug: str) -> CampaignView:
        view = await self._site.db.one(queries.view_by_slug(slug=slug))
        if view is None:
            raise NotFound
        return view

    def _not_open(self, view: CampaignView, status: int = 200) -> Page:
        context = {"campaign": view, "reason": view.why_closed(self._site.clock())}
        return Page("influence/campaign_not_open.html", context, status=status)

    async def _page(
        self,
        view: CampaignView,
        typed: str,
        form: Form[SendForm] | None = None,
        *,
        status: int = 200,
        headers: tuple[tuple[str, str], ...] = (),
    ) -> Page:
        found, problem = await self._look_up(typed)
        letter = Letter(view, found.spaced if found else "", self._site.translations.translate)
        context = {
            "campaign": _campaign(view, letter),
            "email_count": view.email_count,
            "postal_code": found.spaced if found else typed,
            "lookup": found and _lookup(view, found, letter),
            "lookup_problem": problem,
            "custom_recipients": await self._custom(view),
            "form": form,
            "consent": CONSENT,
        }
        if typed or form is not None:
            headers = (*headers, _NOT_KEPT)
        return Page("influence/campaign.html", context, status=status, headers=headers)

    async def _look_up(self, typed: str) -> tuple[Found | None, Text | None]:
        if not typed:
            return None, None
        try:
            return await self._lookups.find(typed), None
        except LOOKUP_ERRORS as error:
            return None, reason(error)

    async def _custom(self, view: CampaignView) -> list[dict[str, Any]]:
        """Without their addresses, which are not public: so there is no link to a mail program."""
        if not view.allow_custom_recipients:
            return []
        people = await self._site.db.all(queries.custom_recipients(campaign_id=view.id))
        return [
            {"key": each.id, "name": each.name, "title": each.title, "mailto": None}
            for each in people
        ]


def _typed(form: Form[SendForm]) -> str:
    typed = form.data.get("postal_code", "")
    return typed.strip() if isinstance(typed, str) else ""


def _ask_to_agree(form: Form[SendForm]) -> None:
    """Beside what the schema found, so that everything is said at once."""
    if not form.data.get("consent") and "consent" not in form.errors:
        form.reject("consent", PLEASE_AGREE)


def _wanted(view: CampaignView, value: SendForm) -> SendEmail:
    """The form as the API would say it; a message that may not be edited is the campaign's."""
    edited = view.allow_email_editing
    return SendEmail(
        sender_name=value.sender_name,
        sender_email=value.sender_email,
        postal_code=value.postal_code,
        recipient_keys=value.recipients,
        consent=value.consent,
        subject=value.subject if edited else None,
        body=value.body if edited else None,
    )


def _reject(form: Form[SendForm], invalid: Invalid) -> None:
    for error in invalid.errors:
        field = error.field.partition("[")[0]
        name = "recipients" if field == "recipient_keys" else field
        if error.message not in form.errors.get(name, ()):
            form.reject(name, error.message)


def _campaign(view: CampaignView, letter: Letter) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(view),
        "email_subject": letter.subject,
        "email_body": letter.body,
        "is_open": True,
    }


def _lookup(view: CampaignView, found: Found, letter: Letter) -> dict[str, Any]:
    """Whom the campaign is for, of those who were found."""
    people = [each for each in found.answer.representatives if targeted(view, each)]
    return {
        "postal_code": found.spaced,
        "city": found.answer.city,
        "province": found.answer.province,
        "source": found.source,
        "cached_at": found.cached_at,
        "ambiguous": found.answer.ambiguous,
        "representatives": [_person(view, each, letter) for each in people],
    }


def _person(view: CampaignView, person: Representative, letter: Letter) -> dict[str, Any]:
    mailto = None
    if person.email is not None and view.allow_mailto_link:
        mailto = letter.mailto(person.email, person.name)
    return {**msgspec.structs.asdict(person), "key": person.key, "targeted": True, "mailto": mailto}
