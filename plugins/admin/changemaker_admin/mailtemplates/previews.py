"""A text as a mail, with samples in place of values, for a frame in the page."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_admin.mailtemplates.pages import template_of, typed_content
from changemaker_admin.mailtemplates.schemas import TextForm
from changemaker_core import Form, TemplateResponse, endpoint
from changemaker_core.features.mailtemplates import api

if TYPE_CHECKING:
    from changemaker_core import Request, Response

_CSP = {"frame-ancestors": "'self'"}
_HEADERS = (("X-Frame-Options", "SAMEORIGIN"),)


class PreviewPage:
    """``/admin/mail-templates/{slug}/{language}/preview``"""

    @endpoint(permission=api.READ, produces="text/html; charset=utf-8")
    async def on_get(
        self, req: Request, resp: Response, *, slug: str, language: str
    ) -> bytes | TemplateResponse:
        """The mail in force, as HTML."""
        return await _html(req, resp, slug, language, None)

    @endpoint(permission=api.READ, form=TextForm, rate_limit="120/minute")
    async def on_post(
        self, req: Request, resp: Response, *, slug: str, language: str, form: Form[TextForm]
    ) -> bytes | TemplateResponse:
        """What was typed as a mail, as HTML. Nothing is saved."""
        return await _html(req, resp, slug, language, typed_content(form))


class TextPreviewPage:
    """``/admin/mail-templates/{slug}/{language}/preview-text``"""

    @endpoint(permission=api.READ, form=TextForm, rate_limit="120/minute", csp=_CSP)
    async def on_post(
        self, req: Request, resp: Response, *, slug: str, language: str, form: Form[TextForm]
    ) -> TemplateResponse:
        """What was typed as a mail: its subject, and the text for programs without HTML."""
        await template_of(req, slug, language)
        try:
            preview = await api.preview_mail_template(
                req.site, slug, language, *typed_content(form)
            )
        except api.HasMistakes as error:
            return _mistakes(error)
        return _page({"preview": preview, "mistakes": []})


async def _html(
    req: Request, resp: Response, slug: str, language: str, typed: tuple[str, str] | None
) -> bytes | TemplateResponse:
    await template_of(req, slug, language)
    subject, text = typed or (None, None)
    try:
        preview = await api.preview_mail_template(req.site, slug, language, subject, text)
    except api.HasMistakes as error:
        resp.set_header("Content-Security-Policy", api.MAIL_POLICY)
        return _mistakes(error)
    resp.content_type = "text/html; charset=utf-8"
    resp.set_header("Content-Security-Policy", api.MAIL_POLICY)
    resp.set_header("X-Frame-Options", "SAMEORIGIN")
    return preview.html.encode()


def _mistakes(error: api.HasMistakes) -> TemplateResponse:
    return _page({"mistakes": [each.text for each in error.mistakes]})


def _page(context: dict[str, object]) -> TemplateResponse:
    return TemplateResponse("admin/mailtemplates/preview.html", context, headers=_HEADERS)
