"""Texts that are edited: read, tried out and sent as a test, for the API and for pages."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import TYPE_CHECKING, Final

from changemaker_core import Forbidden, SlidingWindow, Text
from changemaker_core.features.accounts.api import account_by_id
from changemaker_core.features.mailtemplates import views
from changemaker_core.features.mailtemplates.catalogue import language_of, template_of
from changemaker_core.features.mailtemplates.declarations import Content, check
from changemaker_core.features.mailtemplates.editing import Editing, changes, content_of
from changemaker_core.features.mailtemplates.jobs import SEND_TEST
from changemaker_core.features.mailtemplates.queries import current_versions, version
from changemaker_core.features.mailtemplates.schemas import Preview, SentTest, VersionDetail

if TYPE_CHECKING:
    from changemaker_core import Request, Site, Tx
    from changemaker_core.features.mailtemplates.queries import Stored

TESTS: Final = SlidingWindow("mailtemplates.test", 20, timedelta(hours=1))


def editing_of(site: Site, name: str, language: str) -> Editing:
    """Return the template in a language, to be changed by whoever acts.

    Raises ``UnknownTemplate`` and ``UnknownLanguage``.
    """
    return Editing(site, template_of(site, name), language_of(language))


async def stored_of(editing: Editing) -> Stored | None:
    """Return the version in force, if the text was ever changed."""
    stored = await editing.site.db.all(current_versions(name=editing.template.name))
    return next((each for each in stored if each.language == editing.language), None)


async def draft_of(editing: Editing, subject: str | None, text: str | None) -> Content:
    """Return a text, and for what is ``None`` the one in force. Raises ``HasMistakes``."""
    saved = content_of(await stored_of(editing)) or editing.shipped
    content = Content(
        saved.subject if subject is None else subject, saved.text if text is None else text
    )
    editing.check(content)
    return content


def preview_of(editing: Editing, content: Content) -> Preview:
    """Return a text without mistakes as a mail, with samples in place of values."""
    template = editing.template
    samples = template.samples(editing.site)
    mail = template.render(editing.site, check(template, content), samples, editing.language)
    return Preview(subject=mail.subject, text=mail.text, html=mail.html)


async def version_detail(editing: Editing, number: int) -> VersionDetail | None:
    """Return one version, and what it changed in the one before; ``None`` where there is none."""
    stored = await _version(editing, number)
    if stored is None:
        return None
    before = await _version(editing, number - 1)
    content = content_of(stored) or editing.shipped
    changed = await asyncio.to_thread(changes, content_of(before) or editing.shipped, content)
    out = views.version_out(stored)
    return VersionDetail(
        number=out.number,
        source=out.source,
        restores=out.restores,
        changed_at=out.changed_at,
        changed_by=out.changed_by,
        subject=content.subject,
        text=content.text,
        changes=changed,
    )


async def send_test(req: Request, editing: Editing, content: Content) -> SentTest:
    """Send a text with samples to the address of whoever asks. Raises ``Forbidden`` for who has
    none, such as an API key, and ``LimitReached``."""
    actor, site = req.actor, editing.site
    user = None
    if actor is not None and actor.kind == "user":
        user = await site.db.one(account_by_id(actor.id))
    if user is None:
        raise Forbidden(Text("A test goes to your own address: sign in to send one."))
    payload = {
        "name": editing.template.name,
        "language": editing.language,
        "subject": content.subject,
        "text": content.text,
        "user_id": user.id,
    }

    def enqueue(tx: Tx) -> str:
        TESTS.take(tx, user.id)
        return tx.enqueue(SEND_TEST, payload)

    return SentTest(to=user.email, job_id=await site.db.write(enqueue))


async def _version(editing: Editing, number: int) -> Stored | None:
    wanted = version(name=editing.template.name, language=editing.language, number=number)
    return await editing.site.db.one(wanted)
