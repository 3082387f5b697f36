"""The page on which a visitor writes, and the page that shows the status of their messages."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import UNSET

from changemaker_core import (
    Form,
    Invalid,
    LimitReached,
    NotFound,
    PageMetadata,
    Redirect,
    TemplateResponse,
    Text,
    TooManyRequests,
    endpoint,
    qr_svg,
)
from changemaker_influence.campaigns.languages import in_language
from changemaker_influence.campaigns.queries import (
    CACHE_SECONDS,
    custom_recipients,
    published_by_former_slug,
    published_by_slug,
    texts_of,
)
from changemaker_influence.directories.errors import (
    LOOKUP_ERRORS,
    TooManyLookups,
    reason_for,
    seconds_to_wait,
)
from changemaker_influence.emails.consent import consent_to
from changemaker_influence.emails.letters import letters_of
from changemaker_influence.emails.links.telephone import tel
from changemaker_influence.emails.preview import MessagePreview, digest_of
from changemaker_influence.emails.queries import state_of_email, states_of_action
from changemaker_influence.emails.recipients import (
    NO_RECIPIENT,
    joined,
    preselected,
    reachable,
    targeted,
)
from changemaker_influence.emails.schemas import SendEmail, SendForm
from changemaker_influence.emails.submission import (
    CONSENT_MISSING,
    POSTAL_CODE_MISSING,
    UNNAMED,
    UNWRITTEN,
    mentions_postal_code,
)
from changemaker_influence.formatting import formatted_in_time, summary
from changemaker_influence.networks import allowance
from changemaker_influence.states import FINAL

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from changemaker_core import Request, Response, Site
    from changemaker_influence.campaigns.queries import PublishedCampaign
    from changemaker_influence.directories.lookup import LookupResult, Lookups
    from changemaker_influence.directories.representatives import Representative
    from changemaker_influence.emails.letters import Letter
    from changemaker_influence.emails.queries import EmailState
    from changemaker_influence.emails.submission import Submissions

#: Representatives of a postal code, as most have.
FEW: Final = 20
#: For pages that show what one visitor typed.
NO_STORE: Final = ("Cache-Control", "no-store")
#: For the page of a postal code: a browser shows it again when its visitor goes back to it, and
#: does not ask whether to send the form once more.
KEEP_FOR_BACK: Final = ("Cache-Control", "private, no-cache")
#: The organiser has replaced a message that people cannot edit while somebody read it.
CHANGED: Final = Text(
    "This message was changed after you opened the page. Please read it again before you send it."
)
#: The error of each field that was left empty.
MISSING: Final = {
    "recipients": NO_RECIPIENT,
    "sender_name": UNNAMED,
    "sender_email": Text("Enter your email address."),
    "consent": CONSENT_MISSING,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Shown:
    """What became of a form that was sent, as the page shows it."""

    status: int = 422
    headers: tuple[tuple[str, str], ...] = ()
    letters: Sequence[Letter] = ()
    #: When a limit allows the next message.
    again_at: datetime | None = None
    #: Why the directory found nobody.
    lookup_error: Exception | None = None
    #: What is wrong with the postal code in the form that finds representatives.
    code_problem: str | None = None


#: Of a page for which no form was sent.
FIRST: Final = Shown(status=200)


class CampaignPage:
    """``/campaigns/{slug}``"""

    def __init__(self, site: Site, lookups: Lookups, submissions: Submissions) -> None:
        self._site = site
        self._lookups = lookups
        self._submissions = submissions

    @endpoint(public=True, cache=CACHE_SECONDS)
    async def on_get(
        self, req: Request, resp: Response, *, slug: str
    ) -> TemplateResponse | Redirect:
        """Show a campaign, with the form that finds representatives; or lead to its new address."""
        campaign = await self._campaign(slug, req.locale)
        if campaign.slug != slug:
            # For search engines it is permanent. A browser asks again: the campaign may get its
            # former address back, and would then be a circle.
            return Redirect(f"/campaigns/{campaign.slug}", 301, (("Cache-Control", "no-cache"),))
        if not campaign.is_open(self._site.clock()):
            return await self.closed(campaign)
        return await self._page(req, campaign, "")

    @endpoint(public=True, form=SendForm)
    async def on_post(
        self, req: Request, resp: Response, *, slug: str, form: Form[SendForm]
    ) -> TemplateResponse | Redirect:
        """Submit the message and redirect to the page of its status; or find representatives, and
        show the page with them.

        Both are sent here: a postal code is in no address, so in no log or history, and the
        address that the visitor sees is the campaign's, to be shared.
        """
        shown_in = form.data.get("language") or req.locale
        campaign = await self._campaign(slug, shown_in if isinstance(shown_in, str) else None)
        if not campaign.is_open(self._site.clock()):
            return await self.closed(campaign, status=409)
        if form.data.get("find"):
            return await self._looked_up(req, campaign, form)
        if form.value is not None and form.value.website:
            form.reject("website", Text("Leave this field empty. It is there to stop robots."))
        if form.value is None:
            return await self._incomplete(req, campaign, form)
        if not campaign.allow_email_editing and form.value.shown not in ("", digest_of(campaign)):
            typed = form.value.postal_code
            form.reject("", CHANGED)
            return await self._page(req, campaign, typed, form)
        return await self._submitted(req, campaign, form, form.value)

    async def _looked_up(
        self, req: Request, campaign: PublishedCampaign, form: Form[SendForm]
    ) -> TemplateResponse:
        """Show the representatives of a postal code."""
        typed = form.data.get("postal_code", "")
        typed = typed.strip() if isinstance(typed, str) else ""
        if not typed:
            shown = Shown(code_problem=POSTAL_CODE_MISSING, headers=(KEEP_FOR_BACK,))
        elif "postal_code" in form.errors:  # much too long to be looked up
            shown = Shown(code_problem=form.errors["postal_code"][0], headers=(NO_STORE,))
            typed = ""
        else:
            shown = Shown(status=200, headers=(KEEP_FOR_BACK,))
        return await self._page(req, campaign, typed, shown=shown)

    async def _incomplete(
        self, req: Request, campaign: PublishedCampaign, form: Form[SendForm]
    ) -> TemplateResponse:
        """Show a form in which something is missing, beside what the schema found."""
        for name, message in _missing(campaign, form).items():
            if not form.data.get(name):
                form.errors[name] = [message]
        typed = form.data.get("postal_code", "")
        return await self._page(req, campaign, typed if isinstance(typed, str) else "", form)

    async def _submitted(
        self, req: Request, campaign: PublishedCampaign, form: Form[SendForm], value: SendForm
    ) -> TemplateResponse | Redirect:
        """Submit a message, or show its letters; or show the form with what is wrong."""
        wanted = _wanted(campaign, value)
        shown = Shown()
        try:
            if not value.preview:
                accepted = await self._submissions.submit(
                    campaign,
                    wanted,
                    visitor=req.visitor,
                    locale=req.locale,
                    user=req.actor.user_id if req.actor else None,
                )
                return Redirect(f"/emails/{accepted[0].id}")
            submission = await self._submissions.preview(
                campaign, wanted, visitor=req.visitor, locale=req.locale
            )
            letters = await asyncio.to_thread(letters_of, self._site, campaign, submission)
            shown = Shown(status=200, letters=letters)
        except Invalid as invalid:
            _show_errors(form, invalid)
        except LimitReached as reached:
            form.reject("", allowance.reason_for(reached))
            shown = Shown(
                status=429,
                headers=TooManyRequests.of(reached).headers,
                again_at=self._site.clock() + reached.retry_after,
            )
        except LOOKUP_ERRORS as error:
            form.reject("postal_code", reason_for(error))
            shown = Shown(lookup_error=error)
        return await self._page(req, campaign, value.postal_code, form, shown)

    async def _campaign(self, slug: str, language: str | None) -> PublishedCampaign:
        """Return a campaign by its slug, or by one that it had: a form may be older than that.

        It is in ``language`` where it is translated into that.
        """
        found = await self._site.db.one(published_by_slug(slug=slug))
        if found is None:
            found = await self._site.db.get(published_by_former_slug(slug=slug))
        return await in_language(self._site.db, found, language)

    async def closed(self, campaign: PublishedCampaign, status: int = 200) -> TemplateResponse:
        """Show that a campaign accepts no messages, and why."""
        context = {
            "campaign": campaign,
            "description": await formatted_in_time(campaign.description),
            "reason": campaign.closed_reason(self._site.clock()),
        }
        return TemplateResponse(
            "influence/campaign_closed.html",
            context,
            status=status,
            metadata=_metadata(campaign, indexed=False),
        )

    async def _page(
        self,
        req: Request,
        campaign: PublishedCampaign,
        typed: str,
        form: Form[SendForm] | None = None,
        shown: Shown | None = None,
    ) -> TemplateResponse:
        """Show a campaign for a postal code as it was typed, and a form that was sent."""
        typed, shown = typed.strip(), shown or Shown(status=200 if form is None else 422)
        found, error = await self._found(req, campaign, typed, shown.lookup_error)
        return await self.shown(campaign, typed, found, error, form, shown)

    async def shown(
        self,
        campaign: PublishedCampaign,
        typed: str,
        found: LookupResult | None = None,
        error: Exception | None = None,
        form: Form[SendForm] | None = None,
        shown: Shown = FIRST,
    ) -> TemplateResponse:
        """Show a campaign with the representatives that were found, or why there are none."""
        status, headers = shown.status, shown.headers
        if isinstance(error, TooManyLookups):
            status, headers = 429, (*headers, ("Retry-After", str(seconds_to_wait(error))))
        if form is not None:
            headers = (*headers, NO_STORE)
        # Who writes to the campaign's own recipients may live anywhere.
        is_told = error is not None and (form is None or "postal_code" in form.errors)
        problem: str | None = reason_for(error) if error is not None and is_told else None
        problem = shown.code_problem or problem
        message = await self._message(campaign, typed, found)
        asks_here = message["mentions_postal_code"] and found is None
        context = {
            **message,
            "ask_here": asks_here,
            "asks_postal_code": bool(campaign.target_government_levels),
            # The House of Commons' page finds nobody else.
            "search_page": self._lookups.directory.search_page
            if "FEDERAL" in campaign.target_government_levels
            else None,
            "lookup_problem": problem,
            "form": form,
            "letters": shown.letters,
            "again_at": shown.again_at,
            "consent": consent_to(postal_code=bool(message["postal_code"]) or asks_here).text,
        }
        return TemplateResponse(
            "influence/campaign.html",
            context,
            status=status,
            headers=headers,
            metadata=_metadata(campaign),
        )

    async def _found(
        self, req: Request, campaign: PublishedCampaign, typed: str, error: Exception | None
    ) -> tuple[LookupResult | None, Exception | None]:
        """Return the representatives for a postal code, or why there are none.

        ``error`` is why a lookup for the same form failed: the directory is not queried again.
        """
        if error is not None or not typed or not campaign.target_government_levels:
            return None, error
        try:
            return await self._lookups.find(typed, visitor=req.visitor), None
        except LOOKUP_ERRORS as failed:
            return None, failed

    async def _message(
        self, campaign: PublishedCampaign, typed: str, found: LookupResult | None
    ) -> dict[str, Any]:
        """Return what the page shows of the message, and of those it can be sent to."""
        code = found.formatted_code if found else ""
        added = []
        if campaign.allow_custom_recipients:
            added = await self._site.db.all(custom_recipients(campaign_id=campaign.id))
        people = reachable(campaign, found.entry.representatives if found else (), added)
        names = [each.name for each in people]
        preview = MessagePreview(campaign, code, names, self._site.translations.translate)
        lookup = await _lookup_in_time(campaign, found, preview) if found else None
        choices = lookup["representatives"] if lookup else ()
        can_email = [(each["key"], each["level"]) for each in choices if each["can_email"]]
        return {
            "campaign": {
                **msgspec.structs.asdict(campaign),
                "email_subject": preview.subject,
                "email_body": preview.body,
                "placeholder": preview.placeholder,
                "is_open": True,
                "shown": preview.digest,
            },
            "description": await formatted_in_time(campaign.description),
            "email_count": campaign.email_count,
            "goal": campaign.goal_now,
            "postal_code": code or typed,
            "mentions_postal_code": mentions_postal_code(
                campaign.email_subject, campaign.email_body
            ),
            "lookup": lookup,
            "ticked": preselected(campaign, can_email, [each.id for each in added]),
            # Their addresses are not public, so there is no link to an email app.
            "custom_recipients": [
                {"key": each.id, "name": each.name, "title": each.title, "mailto": None}
                for each in added
            ],
        }


class EmailStatusPage:
    """``/emails/{id}``"""

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> TemplateResponse:
        """Show the status of all messages of one submission."""
        state = await self._site.db.one(state_of_email(id=id))
        if state is None:
            raise NotFound
        emails = await self._site.db.all(states_of_action(action_id=state.action_id))
        share_url = self._site.url(f"/campaigns/{state.campaign_slug}")
        title = self._site.translations.translate(
            Text("QR code with the link to this campaign"), req.locale
        )
        context = {
            "emails": emails,
            "now": self._site.clock(),
            "final": all(each.status in FINAL for each in emails),
            "campaign": {
                "slug": state.campaign_slug,
                "title": state.campaign_title,
                "language": state.language,
            },
            "thank_you": await self._thanks(state),
            "share_url": share_url,
            "qr_svg": qr_svg(share_url, title),
        }
        metadata = PageMetadata(Text("Your message"), indexed=False)
        return TemplateResponse("influence/email_status.html", context, metadata=metadata)

    async def _thanks(self, state: EmailState) -> str:
        """Return the campaign's text of thanks in the language of the letter, or ``""``."""
        if state.language == state.campaign_language:
            return state.thank_you
        texts = texts_of(campaign_id=state.campaign_id, language=state.language)
        rows = await self._site.db.all(texts)
        return next((row.text for row in rows if row.field == "thank_you"), "")


def _metadata(campaign: PublishedCampaign, *, indexed: bool = True) -> PageMetadata:
    return PageMetadata(
        campaign.title,
        summary(campaign.description),
        image=campaign.cover_photo or None,
        image_alt=campaign.cover_photo_alt,
        canonical=f"/campaigns/{campaign.slug}",
        indexed=indexed,
    )


def _wanted(campaign: PublishedCampaign, value: SendForm) -> SendEmail:
    """Return the message of a form. What cannot be edited is left to the campaign."""
    editable = campaign.allow_email_editing
    return SendEmail(
        sender_name=value.sender_name,
        sender_email=value.sender_email,
        postal_code=value.postal_code,
        recipient_keys=value.recipients,
        consent=value.consent,
        subject=value.subject or "" if editable else UNSET,
        body=value.body or "" if editable else UNSET,
    )


def _missing(campaign: PublishedCampaign, form: Form[SendForm]) -> dict[str, Text]:
    """Return the error of each field that must not be left empty in this form."""
    missing = {**MISSING, **(UNWRITTEN if campaign.allow_email_editing else {})}
    if campaign.target_government_levels and not campaign.allow_custom_recipients:
        missing["postal_code"] = POSTAL_CODE_MISSING
    if form.data.get("preview"):
        del missing["consent"]
    return missing


def _show_errors(form: Form[SendForm], invalid: Invalid) -> None:
    """Show what the services found beside the form's own fields."""
    for error in invalid.errors:
        field = error.field.partition("[")[0]
        name = "recipients" if field == "recipient_keys" else field
        if error.message not in form.errors.get(name, ()):
            form.reject(name, error.message)


async def _lookup_in_time(
    campaign: PublishedCampaign, found: LookupResult, preview: MessagePreview
) -> dict[str, Any]:
    """Return ``_lookup``: of many people on a thread, as each of their numbers takes a moment."""
    if len(found.entry.representatives) <= FEW:
        return _lookup(campaign, found, preview)
    return await asyncio.to_thread(_lookup, campaign, found, preview)


def _lookup(
    campaign: PublishedCampaign, found: LookupResult, preview: MessagePreview
) -> dict[str, Any]:
    """Return the result of a lookup, with the representatives that the campaign targets."""
    entry = found.entry
    people = [each for each in entry.representatives if targeted(campaign, each)]
    return {
        "postal_code": found.formatted_code,
        "city": entry.city,
        "province": entry.province,
        "source": found.source,
        "cached_at": found.cached_at,
        "ambiguous": entry.ambiguous,
        "representatives": _choices(campaign, people, preview),
    }


def _choices(
    campaign: PublishedCampaign, people: Sequence[Representative], preview: MessagePreview
) -> list[dict[str, Any]]:
    """Return the representatives as choices: those behind one mailbox are one."""
    choices: dict[str, list[Representative]] = {}
    for index, person in enumerate(people):
        choices.setdefault(person.email or str(index), []).append(person)
    return [_choice(campaign, behind, preview) for behind in choices.values()]


def _choice(
    campaign: PublishedCampaign, people: Sequence[Representative], preview: MessagePreview
) -> dict[str, Any]:
    first = people[0]
    mailto = to_copy = None
    if first.email is not None and campaign.allow_mailto_link:
        names = tuple(dict.fromkeys(person.name for person in people))
        mailto, to_copy = preview.mailto(first.email, joined(names, campaign.language))
    return {
        "key": first.key,
        "all_keys": [person.key for person in people],
        "can_email": first.can_email,
        "level": first.level,
        "people": [_person(person) for person in people],
        "mailto": mailto,
        "to_copy": to_copy,
    }


def _person(person: Representative) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(person),
        "calls": [(each, tel(each.tel)) for each in person.offices if each.tel],
    }
