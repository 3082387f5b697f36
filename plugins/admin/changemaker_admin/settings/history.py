"""What was changed in a group, and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_admin.settings.pages import PATH, group_of, may_write
from changemaker_admin.settings.schemas import HistoryQuery, RestoreForm
from changemaker_core import (
    Form,
    NotFound,
    Redirect,
    TemplateResponse,
    Text,
    endpoint,
    flash,
    recent_sign_in_page,
)
from changemaker_core.features.settings import api

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Tx
    from changemaker_core.features.settings.api import GroupOut

#: Versions on a page.
_LIMIT = 30


class HistoryPage:
    """``/admin/settings/{slug}/history``"""

    @endpoint(permission=api.READ, query=HistoryQuery)
    async def on_get(
        self, req: Request, resp: Response, *, slug: str, query: HistoryQuery
    ) -> TemplateResponse:
        """What was changed in a group, when, and by whom."""
        return await _page(req, group_of(req, slug), query.before)


class RestorePage:
    """``/admin/settings/{slug}/restore``"""

    @endpoint(permission=api.WRITE, form=RestoreForm)
    async def on_post(
        self, req: Request, resp: Response, *, slug: str, form: Form[RestoreForm]
    ) -> TemplateResponse | Redirect:
        """Set a group as it was in an earlier version."""
        group, sent = group_of(req, slug), form.value
        if sent is None:
            raise NotFound
        if group.recent_sign_in and (asked := await recent_sign_in_page(req, form)) is not None:
            return asked

        def saved(tx: Tx) -> None:
            flash(tx, req, Text("The settings are as they were in version {to}.", to=sent.to))

        try:
            await api.restore_settings(req.site, slug, sent.to, version=sent.version, also=saved)
        except api.UnknownVersion:
            raise NotFound(Text("This version is not kept any more.")) from None
        except api.SettingsInvalid as error:
            text = Text(
                "Version {to} cannot be restored: {problems}", to=sent.to, problems=str(error)
            )
            return await _page(req, group, None, str(text), 422)
        except api.SettingsChanged:
            text = Text("Someone has changed these settings since. Look at the history again.")
            return await _page(req, group_of(req, slug), None, text, 409)
        return Redirect(f"{PATH}/{slug}")


async def _page(
    req: Request,
    group: GroupOut,
    before: int | None,
    problem: str | None = None,
    status: int | None = None,
) -> TemplateResponse:
    history = await api.settings_history(
        req.site, group.name, req.locale, before=before, limit=_LIMIT
    )
    context = {
        "group": group,
        "history": history.data,
        "next": history.next,
        "problem": problem,
        "is_editable": may_write(req),
    }
    return TemplateResponse("admin/settings/history.html", context, status)
