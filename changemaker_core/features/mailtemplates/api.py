"""What plugins may import of mail templates: what pages on which their texts are edited need."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from changemaker_core.features.mailtemplates import views
from changemaker_core.features.mailtemplates.catalogue import UnknownLanguage, UnknownTemplate
from changemaker_core.features.mailtemplates.declarations import Content
from changemaker_core.features.mailtemplates.drafts import (
    draft_of,
    editing_of,
    preview_of,
    send_test,
    stored_of,
    version_detail,
)
from changemaker_core.features.mailtemplates.editing import HasMistakes
from changemaker_core.features.mailtemplates.queries import current_versions, versions
from changemaker_core.features.mailtemplates.resources import MAIL_POLICY, READ, WRITE
from changemaker_core.features.mailtemplates.schemas import (
    ListedTemplate,
    Preview,
    SentTest,
    TemplateOut,
    VersionDetail,
    VersionOut,
)
from changemaker_core.features.mailtemplates.services import ChangedMeanwhile

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_core import Request, Site, Tx
    from changemaker_core.features.mailtemplates.editing import Editing
    from changemaker_core.features.mailtemplates.queries import Stored

    #: Called in the transaction of a change, once it is made.
    Also = Callable[[Tx], object]

__all__ = [
    "MAIL_POLICY",
    "READ",
    "WRITE",
    "ChangedMeanwhile",
    "HasMistakes",
    "ListedTemplate",
    "Preview",
    "SentTest",
    "TemplateOut",
    "UnknownLanguage",
    "UnknownTemplate",
    "VersionDetail",
    "VersionOut",
    "mail_template",
    "mail_template_version",
    "mail_template_versions",
    "mail_templates",
    "preview_mail_template",
    "reset_mail_template",
    "restore_mail_template",
    "save_mail_template",
    "send_test_mail",
]


async def mail_templates(site: Site, locale: str) -> list[ListedTemplate]:
    """Return the mails of the site, in each language, described in a person's language."""
    stored = await site.db.all(current_versions())
    return views.listed(site, stored, partial(site.translations.translate, locale=locale))


async def mail_template(site: Site, name: str, language: str, locale: str) -> TemplateOut:
    """Return the text in force of a mail in a language, and what it can say.

    Raises ``UnknownTemplate`` and ``UnknownLanguage``, as all functions here do.
    """
    editing = editing_of(site, name, language)
    translate = partial(site.translations.translate, locale=locale)
    stored = await stored_of(editing)
    return views.detail(site, editing.template, editing.language, stored, translate)


async def save_mail_template(
    site: Site,
    name: str,
    language: str,
    content: tuple[str, str],
    *,
    version: int,
    also: Also | None = None,
) -> None:
    """Replace subject and text, in place of ``version``: 0 where there was none.

    ``also`` is called in the same transaction. Raises ``HasMistakes``, and ``ChangedMeanwhile``
    where another version is in force.
    """
    editing = editing_of(site, name, language)
    await _write(editing, lambda tx: editing.save(tx, Content(*content), version), also)


async def reset_mail_template(
    site: Site, name: str, language: str, *, version: int, also: Also | None = None
) -> None:
    """Go back to the text that the plugin ships. Raises ``ChangedMeanwhile``."""
    editing = editing_of(site, name, language)
    await _write(editing, lambda tx: editing.reset(tx, version), also)


async def restore_mail_template(
    site: Site, name: str, language: str, number: int, *, version: int, also: Also | None = None
) -> None:
    """Restore an earlier version, as a new one.

    Raises ``RowNotFound``, ``ChangedMeanwhile``, and ``HasMistakes`` where it cannot be sent any
    more.
    """
    editing = editing_of(site, name, language)
    await _write(editing, lambda tx: editing.roll_back(tx, number, version), also)


async def mail_template_versions(
    site: Site, name: str, language: str, *, limit: int = 50, offset: int = 0
) -> list[VersionOut]:
    """Return versions of a text, the last one first."""
    editing = editing_of(site, name, language)
    wanted = versions(editing.template.name, editing.language, limit=limit, offset=offset)
    return list(map(views.version_out, await site.db.all(wanted)))


async def mail_template_version(
    site: Site, name: str, language: str, number: int
) -> VersionDetail | None:
    """Return one version with what it changed; ``None`` where it is not kept."""
    return await version_detail(editing_of(site, name, language), number)


async def preview_mail_template(
    site: Site, name: str, language: str, subject: str | None = None, text: str | None = None
) -> Preview:
    """Return a text as a mail, with samples; what is ``None`` is the text in force.

    Its HTML is shown with ``MAIL_POLICY`` as its content security policy, in a frame of its own.
    Raises ``HasMistakes``.
    """
    editing = editing_of(site, name, language)
    return preview_of(editing, await draft_of(editing, subject, text))


async def send_test_mail(
    req: Request, name: str, language: str, subject: str, text: str
) -> SentTest:
    """Send a text with samples to the address of whoever asks.

    Raises ``HasMistakes``, ``LimitReached``, and ``Forbidden`` for an API key.
    """
    editing = editing_of(req.site, name, language)
    return await send_test(req, editing, await draft_of(editing, subject, text))


async def _write(
    editing: Editing, change: Callable[[Tx], Stored | None], also: Also | None
) -> None:
    def write(tx: Tx) -> None:
        change(tx)
        if also is not None:
            also(tx)

    await editing.site.db.write(write)
