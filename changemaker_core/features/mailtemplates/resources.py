"""Mail templates over HTTP."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Final

from changemaker_core import (
    Conflict,
    FieldError,
    Invalid,
    ListQuery,
    NotFound,
    Paginated,
    Text,
    check_recent_sign_in,
    endpoint,
    paginate,
)
from changemaker_core.features.mailtemplates import drafts, views
from changemaker_core.features.mailtemplates.catalogue import (
    UnknownLanguage,
    UnknownTemplate,
)
from changemaker_core.features.mailtemplates.declarations import Content
from changemaker_core.features.mailtemplates.editing import (
    Editing,
    HasMistakes,
)
from changemaker_core.features.mailtemplates.queries import (
    current_versions,
    versions,
)
from changemaker_core.features.mailtemplates.schemas import (
    Draft,
    ListedTemplate,
    NewText,
    Preview,
    ResetQuery,
    Rollback,
    SentTest,
    TemplateOut,
    VersionDetail,
    VersionOut,
    VersionsQuery,
)
from changemaker_core.features.mailtemplates.services import ChangedMeanwhile

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Site
    from changemaker_core.features.mailtemplates.queries import Stored

READ: Final = "mailtemplates.read"
WRITE: Final = "mailtemplates.write"
_CHANGED: Final = {
    401: "The mail needs a recent sign-in.",
    409: "The version is no longer in force.",
}
#: The content security policy of a mail that is shown by itself: its own inline styles, and
#: nothing else.
MAIL_POLICY: Final = (
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'self'"
)


def changed_meanwhile(error: ChangedMeanwhile) -> Conflict:
    """Return the problem of a change to a version that is no longer in force."""
    who = error.current.changed_by if error.current else ""
    detail = Text("This text was changed meanwhile. Load it again, then make your change.")
    if who:
        detail = Text(
            "{who} changed this text meanwhile. Load it again, then make your change.", who=who
        )
    return Conflict(detail, code="changed_meanwhile")


def has_mistakes(error: HasMistakes) -> Invalid:
    """Return the problem of a text that is not saved, or sent."""
    errors = [FieldError(each.field, each.text) for each in error.mistakes]
    return Invalid(errors, code="template_has_mistakes")


ERRORS: Final = {
    ChangedMeanwhile: changed_meanwhile,
    HasMistakes: has_mistakes,
    UnknownTemplate: NotFound(),
    UnknownLanguage: NotFound(),
}


class _Resource:
    def __init__(self, site: Site) -> None:
        self._site = site

    def _editing(self, slug: str, language: str) -> Editing:
        return drafts.editing_of(self._site, slug, language)

    async def _changing(self, req: Request, slug: str, language: str) -> Editing:
        """Return what is to be changed. Raise ``Unauthorized`` or ``Forbidden`` where the mail
        needs a recent sign-in."""
        editing = self._editing(slug, language)
        if editing.template.recent_sign_in:
            await check_recent_sign_in(req)
        return editing

    def _detail(self, req: Request, editing: Editing, stored: Stored | None) -> TemplateOut:
        return views.detail(self._site, editing.template, editing.language, stored, translator(req))


class MailTemplatesResource(_Resource):
    """``/api/mail-templates``"""

    @endpoint(permission=READ, query=ListQuery, response=Paginated[ListedTemplate])
    async def on_get(
        self, req: Request, resp: Response, *, query: ListQuery
    ) -> Paginated[ListedTemplate]:
        """List the mails of the site, in each language."""
        stored = await self._site.db.all(current_versions())
        found = views.listed(self._site, stored, translator(req))
        rows = found[query.offset : query.offset + query.limit + 1]
        return paginate(rows, query, len(found))


class MailTemplateResource(_Resource):
    """``/api/mail-templates/{slug}/{language}``"""

    @endpoint(permission=READ, response=TemplateOut)
    async def on_get(
        self, req: Request, resp: Response, *, slug: str, language: str
    ) -> TemplateOut:
        """The text in force, the text that the plugin ships, and what the text can say."""
        editing = self._editing(slug, language)
        return self._detail(req, editing, await drafts.stored_of(editing))

    @endpoint(
        permission=WRITE,
        body=NewText,
        response=TemplateOut,
        responses=_CHANGED,
    )
    async def on_put(
        self, req: Request, resp: Response, *, slug: str, language: str, body: NewText
    ) -> TemplateOut:
        """Replace the text."""
        editing = await self._changing(req, slug, language)
        content = Content(body.subject, body.text)
        stored = await self._site.db.write(editing.save, content, body.version)
        return self._detail(req, editing, stored)

    @endpoint(
        permission=WRITE,
        query=ResetQuery,
        response=TemplateOut,
        responses=_CHANGED,
    )
    async def on_delete(
        self, req: Request, resp: Response, *, slug: str, language: str, query: ResetQuery
    ) -> TemplateOut:
        """Go back to the text that the plugin ships. The history remains."""
        editing = await self._changing(req, slug, language)
        stored = await self._site.db.write(editing.reset, query.version)
        return self._detail(req, editing, stored)


class VersionsResource(_Resource):
    """``/api/mail-templates/{slug}/{language}/versions``"""

    @endpoint(permission=READ, query=VersionsQuery, response=Paginated[VersionOut])
    async def on_get(
        self, req: Request, resp: Response, *, slug: str, language: str, query: VersionsQuery
    ) -> Paginated[VersionOut]:
        """The history, the last version first."""
        editing = self._editing(slug, language)
        wanted = partial(versions, name=editing.template.name, language=editing.language)
        rows = await self._site.db.all(wanted(limit=query.limit + 1, offset=query.offset))
        total = await self._site.db.count(wanted())
        return paginate(list(map(views.version_out, rows)), query, total)


class VersionResource(_Resource):
    """``/api/mail-templates/{slug}/{language}/versions/{number}``"""

    @endpoint(permission=READ, response=VersionDetail)
    async def on_get(
        self, req: Request, resp: Response, *, slug: str, language: str, number: str
    ) -> VersionDetail:
        """One version, and what it changed in the one before."""
        if not (number.isascii() and number.isdecimal() and len(number) < 10):
            raise NotFound
        found = await drafts.version_detail(self._editing(slug, language), int(number))
        if found is None:
            raise NotFound
        return found


class RollbackResource(_Resource):
    """``/api/mail-templates/{slug}/{language}/rollback``"""

    @endpoint(
        permission=WRITE,
        body=Rollback,
        response=TemplateOut,
        responses=_CHANGED,
    )
    async def on_post(
        self, req: Request, resp: Response, *, slug: str, language: str, body: Rollback
    ) -> TemplateOut:
        """Restore an earlier version, as a new one."""
        editing = await self._changing(req, slug, language)
        stored = await self._site.db.write(editing.roll_back, body.number, body.version)
        return self._detail(req, editing, stored)


class PreviewResource(_Resource):
    """``/api/mail-templates/{slug}/{language}/preview``"""

    @endpoint(permission=READ, produces="text/html; charset=utf-8")
    async def on_get(self, req: Request, resp: Response, *, slug: str, language: str) -> bytes:
        """The HTML part of the mail in force with samples, for a sandboxed frame."""
        editing = self._editing(slug, language)
        preview = drafts.preview_of(editing, await drafts.draft_of(editing, None, None))
        resp.set_header("Content-Security-Policy", MAIL_POLICY)
        resp.set_header("X-Frame-Options", "SAMEORIGIN")
        return preview.html.encode()

    @endpoint(permission=READ, body=Draft, response=Preview, rate_limit="120/minute")
    async def on_post(
        self, req: Request, resp: Response, *, slug: str, language: str, body: Draft
    ) -> Preview:
        """A text as a mail, with samples. Nothing is saved."""
        editing = self._editing(slug, language)
        content = await drafts.draft_of(editing, body.subject, body.text)
        return drafts.preview_of(editing, content)


class SendTestResource(_Resource):
    """``/api/mail-templates/{slug}/{language}/test``"""

    @endpoint(permission=WRITE, body=Draft, response=SentTest, status=202)
    async def on_post(
        self, req: Request, resp: Response, *, slug: str, language: str, body: Draft
    ) -> SentTest:
        """Send a text with samples to your own address."""
        editing = self._editing(slug, language)
        content = await drafts.draft_of(editing, body.subject, body.text)
        return await drafts.send_test(req, editing, content)


def translator(req: Request) -> views.Translate:
    """Return what translates into the language of a request."""
    return partial(req.site.translations.translate, locale=req.locale)
