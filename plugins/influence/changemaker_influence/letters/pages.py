"""``/admin/letters/{id}``: one letter, its history, and what can be done about it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal

import msgspec

from changemaker_core import (
    Conflict,
    Form,
    NotFound,
    Redirect,
    TemplateResponse,
    Text,
    Unauthorized,
    endpoint,
    flash,
)
from changemaker_core.features.operations import api as operations
from changemaker_influence.campaigns import permissions
from changemaker_influence.campaigns.placeholders import fill
from changemaker_influence.campaigns.queries import texts_of
from changemaker_influence.emails.jobs import QUEUE
from changemaker_influence.emails.queries import states_of_action
from changemaker_influence.letters import reasons
from changemaker_influence.letters.differences import differences
from changemaker_influence.letters.history import history_of, next_try_of
from changemaker_influence.letters.queries import letter as letter_by_id
from changemaker_influence.letters.words import BADGES
from changemaker_influence.outcomes import services
from changemaker_influence.outcomes.resources import campaign_of

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_core import Request, Response, Site, Tx
    from changemaker_influence.letters.differences import Piece
    from changemaker_influence.letters.queries import LetterDetail


class NoFields(msgspec.Struct, frozen=True):
    """A button."""


class SettleForm(msgspec.Struct, frozen=True, kw_only=True):
    """What a person has found out about a letter of unknown outcome."""

    outcome: Literal["sent", "not_sent"]


class LetterPage:
    """``/admin/letters/{id}``"""

    @endpoint(permission=permissions.READ_EMAILS, on=campaign_of)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> TemplateResponse:
        """Show a letter, its history, and what can be done about it."""
        return await _page(req, id, Form.blank())


class RetryPage:
    """``/admin/letters/{id}/retry``"""

    @endpoint(permission=permissions.WRITE_EMAILS, on=campaign_of, form=NoFields)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[NoFields]
    ) -> Redirect:
        """Send a failed letter again."""
        return await _decide(req, id, lambda tx: services.retry(tx, id), _RETRIED)


class CancelPage:
    """``/admin/letters/{id}/cancel``"""

    @endpoint(permission=permissions.WRITE_EMAILS, on=campaign_of)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> TemplateResponse:
        """Ask for confirmation, where the browser shows no dialog."""
        context = {"letter": await _found(req, id)}
        return TemplateResponse("influence/admin/letter_cancel.html", context)

    @endpoint(permission=permissions.WRITE_EMAILS, on=campaign_of, form=NoFields)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[NoFields]
    ) -> Redirect:
        """Cancel a letter that waits to be sent."""
        return await _decide(req, id, lambda tx: services.cancel(tx, id), _CANCELLED)


class SettlePage:
    """``/admin/letters/{id}/settle``"""

    @endpoint(permission=permissions.WRITE_EMAILS, on=campaign_of, form=SettleForm)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[SettleForm]
    ) -> Redirect | TemplateResponse:
        """Record what became of a letter of unknown outcome."""
        if form.value is None:
            return await _page(req, id, form)
        outcome = form.value.outcome
        return await _decide(
            req, id, lambda tx: services.settle(tx, id, outcome), _SETTLED[outcome]
        )


_RETRIED: Final = Text("The letter is sent again.")
_CANCELLED: Final = Text("The letter is cancelled. It is not sent.")
_SETTLED: Final = {
    "sent": Text("The letter counts as sent."),
    "not_sent": Text("The letter counts as not sent. You can send it again."),
}


def path_of(id: str) -> str:
    """Return the path of a letter's page."""
    return f"/admin/letters/{id}"


async def _decide(req: Request, id: str, decide: Callable[[Tx], object], done: Text) -> Redirect:
    """Do what a person has decided, and go back to the letter with what came of it."""
    if req.session is None:
        raise Unauthorized(Text("Sign in with your browser to see this page."))

    def write(tx: Tx) -> None:
        decide(tx)
        flash(tx, req, done)

    try:
        await req.site.db.write(write)
    except Conflict as conflict:
        detail = conflict.detail
        problem = detail if isinstance(detail, Text) else Text(detail or conflict.title)
        await req.site.db.write(lambda tx: flash(tx, req, problem, kind="error"))
    return Redirect(path_of(id))


async def _found(req: Request, id: str) -> LetterDetail:
    found = await req.site.db.one(letter_by_id(id=id))
    if found is None:
        raise NotFound
    return found


async def _page(req: Request, id: str, form: Form[SettleForm]) -> TemplateResponse:
    site, found = req.site, await _found(req, id)
    hold = await operations.hold_of(site, QUEUE)
    of_action = await site.db.all(states_of_action(action_id=found.action_id))
    is_erased = not (found.sender_email and found.recipient_email)
    may_write = req.actor is not None and req.actor.has_permission(
        permissions.WRITE_EMAILS, found.campaign_id
    )
    context = {
        "letter": found,
        "badge": BADGES[found.status],
        "badges": BADGES,
        "why": reasons.why(
            status=found.status,
            error=found.error,
            send_after=found.send_after,
            repeats=found.repeats,
            hold=hold,
            now=site.clock(),
        ),
        "hold": hold if found.status == "QUEUED" else None,
        "history": await history_of(site, found),
        "next_try": None if hold else await next_try_of(site, found),
        "pieces": _pieces(found, await _campaign_body(site, found)),
        "others": [each for each in of_action if each.id != found.id],
        "may_write": may_write,
        "is_erased": is_erased,
        "form": form,
    }
    status = 422 if form.errors else 200
    return TemplateResponse("influence/admin/letter.html", context, status=status)


async def _campaign_body(site: Site, found: LetterDetail) -> str:
    """Return the campaign's present text in the language of the letter, or else in its own."""
    if found.language == found.campaign_language:
        return found.campaign_body
    rows = await site.db.all(texts_of(campaign_id=found.campaign_id, language=found.language))
    translated = (row.text for row in rows if row.field == "email_body")
    return next(translated, found.campaign_body)


def _pieces(found: LetterDetail, own: str) -> list[Piece]:
    """Return how the letter differs from ``own``, the campaign's present text; nothing where it is
    erased.

    That may have been changed since the letter was written.
    """
    if not found.body:
        return []
    values = {
        "recipient_name": found.recipient_name,
        "sender_name": found.sender_name,
        "postal_code": found.postal_code,
    }
    pieces = differences(fill(own, values), found.body)
    return pieces if any(each.kind != "same" for each in pieces) else []
