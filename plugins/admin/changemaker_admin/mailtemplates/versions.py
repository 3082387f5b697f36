"""The history of a text, with what each version changed, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_admin.mailtemplates.pages import PATH, may_write, template_of
from changemaker_admin.mailtemplates.schemas import RestoreForm, VersionsQuery
from changemaker_core import (
    Form,
    NotFound,
    Redirect,
    RowNotFound,
    TemplateResponse,
    Text,
    endpoint,
    flash,
    recent_sign_in_page,
)
from changemaker_core.features.mailtemplates import api

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Tx
    from changemaker_core.features.mailtemplates.api import TemplateOut

#: Versions on a page.
_LIMIT = 20


class VersionsPage:
    """``/admin/mail-templates/{slug}/{language}/versions``"""

    @endpoint(permission=api.READ, query=VersionsQuery)
    async def on_get(
        self, req: Request, resp: Response, *, slug: str, language: str, query: VersionsQuery
    ) -> TemplateResponse:
        """The versions of a text, and what one of them changed."""
        return await _page(req, await template_of(req, slug, language), query)


class RestorePage:
    """``/admin/mail-templates/{slug}/{language}/restore``"""

    @endpoint(permission=api.WRITE, form=RestoreForm)
    async def on_post(
        self, req: Request, resp: Response, *, slug: str, language: str, form: Form[RestoreForm]
    ) -> TemplateResponse | Redirect:
        """Return to an earlier version, or to the text that the plugin ships."""
        template, sent = await template_of(req, slug, language), form.value
        if sent is None:
            raise NotFound
        if template.recent_sign_in and (asked := await recent_sign_in_page(req, form)) is not None:
            return asked
        try:
            await _restore(req, slug, language, sent)
        except RowNotFound:
            raise NotFound(Text("This version is not kept any more.")) from None
        except api.ChangedMeanwhile:
            problem = Text("Someone has changed this text since. Look at its versions again.")
            template = await template_of(req, slug, language)
            return await _page(req, template, VersionsQuery(), problem, 409)
        except api.HasMistakes as error:
            problem = Text(
                "Version {number} cannot be sent any more: {mistakes}",
                number=sent.number,
                mistakes=" ".join(str(each.text) for each in error.mistakes),
            )
            return await _page(req, template, VersionsQuery(), problem, 422)
        return Redirect(f"{PATH}/{slug}/{language}")


async def _restore(req: Request, slug: str, language: str, sent: RestoreForm) -> None:
    """Restore a version; 0 is the text that the plugin ships."""
    if sent.number == 0:
        text = Text("The text is again the one that the site came with.")
    else:
        text = Text("The text is again that of version {number}.", number=sent.number)

    def saved(tx: Tx) -> None:
        flash(tx, req, text)

    site, version = req.site, sent.version
    if sent.number == 0:
        await api.reset_mail_template(site, slug, language, version=version, also=saved)
    else:
        await api.restore_mail_template(
            site, slug, language, sent.number, version=version, also=saved
        )


async def _page(
    req: Request,
    template: TemplateOut,
    query: VersionsQuery,
    problem: str | None = None,
    status: int | None = None,
) -> TemplateResponse:
    site, name, language = req.site, template.name, template.language
    found = await api.mail_template_versions(
        site, name, language, limit=_LIMIT + 1, offset=query.offset
    )
    number = query.number if query.number is not None else found[0].number if found else None
    shown = None
    if number is not None:
        shown = await api.mail_template_version(site, name, language, number)
    context = {
        "template": template,
        "versions": found[:_LIMIT],
        "next": query.offset + _LIMIT if len(found) > _LIMIT else None,
        "shown": shown,
        "problem": problem,
        "is_editable": may_write(req),
    }
    return TemplateResponse("admin/mailtemplates/versions.html", context, status)
