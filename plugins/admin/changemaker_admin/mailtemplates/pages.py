"""``/admin/mail-templates``: the mails of the site, and the editor of each text."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_admin.mailtemplates.schemas import TextForm
from changemaker_core import (
    Form,
    LimitReached,
    NotFound,
    Redirect,
    TemplateResponse,
    Text,
    begin_edit,
    endpoint,
    flash,
    merge_edits,
    recent_sign_in_page,
)
from changemaker_core.features.mailtemplates import api

if TYPE_CHECKING:
    from collections.abc import Iterable

    from changemaker_core import MergedEdits, Request, Response, Tx
    from changemaker_core.features.mailtemplates.api import ListedTemplate, TemplateOut

PATH = "/admin/mail-templates"
LABELS = {"subject": Text("Subject"), "text": Text("Text")}


class MailTemplatesPage:
    """``/admin/mail-templates``"""

    @endpoint(permission=api.READ)
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """The mails of the site, by what they are about."""
        listed = await api.mail_templates(req.site, req.locale)
        context = {"categories": _by_category(listed)}
        return TemplateResponse("admin/mailtemplates/templates.html", context)


class EditorPage:
    """``/admin/mail-templates/{slug}/{language}``"""

    @endpoint(permission=api.READ)
    async def on_get(
        self, req: Request, resp: Response, *, slug: str, language: str
    ) -> TemplateResponse | Redirect:
        """The text of a mail in a language."""
        template = await template_of(req, slug, language)
        if template.recent_sign_in and may_write(req):  # now, and not once everything is typed
            if (asked := await recent_sign_in_page(req)) is not None:
                return asked
        return editor(req, template, form_of(template))

    @endpoint(permission=api.WRITE, form=TextForm)
    async def on_post(
        self, req: Request, resp: Response, *, slug: str, language: str, form: Form[TextForm]
    ) -> TemplateResponse | Redirect:
        """Save the text of a mail."""
        template = await template_of(req, slug, language)
        if template.recent_sign_in and (asked := await recent_sign_in_page(req, form)) is not None:
            return asked

        def saved(tx: Tx) -> None:
            flash(tx, req, Text("The text is saved. The next mail has it."))

        try:
            await api.save_mail_template(
                req.site,
                slug,
                language,
                typed_content(form),
                version=_version_of(form),
                also=saved,
            )
        except api.HasMistakes as error:
            show_mistakes(form, error)
            return editor(req, template, form)
        except api.ChangedMeanwhile:
            return _conflict(req, await template_of(req, slug, language), form)
        return Redirect(f"{PATH}/{slug}/{language}")


class TestPage:
    """``/admin/mail-templates/{slug}/{language}/test``"""

    @endpoint(permission=api.WRITE, form=TextForm, rate_limit="20/minute")
    async def on_post(
        self, req: Request, resp: Response, *, slug: str, language: str, form: Form[TextForm]
    ) -> TemplateResponse:
        """Send the text that is in the form to whoever asks. Nothing is saved."""
        template = await template_of(req, slug, language)
        try:
            sent = await api.send_test_mail(req, slug, language, *typed_content(form))
        except api.HasMistakes as error:
            show_mistakes(form, error)
            return editor(req, template, form)
        except LimitReached:
            form.reject("", Text("You have sent many tests. Wait a while, then send the next."))
            return editor(req, template, form)
        return editor(req, template, form, sent_to=sent.to)


async def template_of(req: Request, slug: str, language: str) -> TemplateOut:
    """Return the mail of a path. Raises ``NotFound``."""
    try:
        return await api.mail_template(req.site, slug, language, req.locale)
    except (api.UnknownTemplate, api.UnknownLanguage):
        raise NotFound(Text("There is no such mail.")) from None


def may_write(req: Request) -> bool:
    """Return whether who asks may change texts of mail."""
    return req.actor is not None and req.actor.has_permission(api.WRITE)


def form_of(template: TemplateOut) -> Form[TextForm]:
    """Return an unsent form with the text in force."""
    form: Form[TextForm] = Form.blank(subject=template.subject, text=template.text)
    begin_edit(form, template.version)
    return form


def typed_content(form: Form[TextForm]) -> tuple[str, str]:
    """Return subject and text as they were typed; browsers end lines as DOS does."""
    subject, text = str(form.data.get("subject", "")), str(form.data.get("text", ""))
    return subject.strip(), text.replace("\r\n", "\n").rstrip()


def show_mistakes(form: Form[TextForm], error: api.HasMistakes) -> None:
    """Put each mistake, with its line, at the field that it is in."""
    for each in error.mistakes:
        form.reject(each.field, each.text)


def editor(
    req: Request,
    template: TemplateOut,
    form: Form[TextForm],
    *,
    merged: MergedEdits | None = None,
    sent_to: str | None = None,
    status: int | None = None,
) -> TemplateResponse:
    """Return the page on which a text is edited."""
    if "version" not in form.data:
        begin_edit(form, template.version)
    context = {
        "template": template,
        "form": form,
        "merged": merged,
        "sent_to": sent_to,
        "is_editable": may_write(req),
        "labels": LABELS,
    }
    return TemplateResponse("admin/mailtemplates/editor.html", context, status)


def _conflict(req: Request, template: TemplateOut, form: Form[TextForm]) -> TemplateResponse:
    merged = merge_edits(
        form,
        form_of(template),
        LABELS,
        at=template.changed_at or req.site.clock(),
        by=template.changed_by or None,
    )
    return editor(req, template, form, merged=merged, status=409)


def _version_of(form: Form[TextForm]) -> int:
    """Return the version that was edited; one that no text has for what is no number."""
    version = str(form.data.get("version", ""))
    return int(version) if version.isascii() and version.isdecimal() and len(version) < 10 else -1


def _by_category(listed: Iterable[ListedTemplate]) -> dict[str, list[ListedTemplate]]:
    found: dict[str, list[ListedTemplate]] = {}
    for template in listed:
        found.setdefault(template.category, []).append(template)
    return found
