"""The pictures among settings, such as the logo: each is sent by a form of its own."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_admin.settings.pages import PATH, group_of, group_page
from changemaker_admin.settings.schemas import MOST_BYTES, PictureForm
from changemaker_admin.settings.values import form_of, name_of
from changemaker_core import (
    Form,
    ImageRejected,
    NotFound,
    Redirect,
    TemplateResponse,
    Text,
    endpoint,
    flash,
)
from changemaker_core.features.settings import api

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Site, Tx

#: Bytes of what a form has beside its picture.
_REST = 100_000


class PictureRefused(Exception):
    """A form brings no picture that can be shown; ``text`` says why."""

    def __init__(self, text: str) -> None:
        super().__init__(text)
        self.text = text


class PicturePage:
    """``/admin/settings/{slug}/pictures/{name}``"""

    @endpoint(
        permission=api.WRITE,
        form=PictureForm,
        max_body=MOST_BYTES + _REST,
        rate_limit="20/minute",
    )
    async def on_post(
        self, req: Request, resp: Response, *, slug: str, name: str, form: Form[PictureForm]
    ) -> TemplateResponse | Redirect:
        """Store a picture as the value of a setting, or remove it."""
        group = group_of(req, slug)
        if not any(each.name == name and each.kind == "image" for each in group.fields):
            raise NotFound
        try:
            await self._save(req, slug, name, form)
        except PictureRefused as error:
            shown = form_of(group)
            shown.reject(name_of(name), error.text)
            return await group_page(req, group, shown)
        return Redirect(f"{PATH}/{slug}")

    async def _save(self, req: Request, slug: str, name: str, form: Form[PictureForm]) -> None:
        value = await _chosen(req.site, form)
        text = Text("The picture is removed.") if value is None else Text("The picture is saved.")

        def saved(tx: Tx) -> None:
            flash(tx, req, text)

        try:
            await api.save_settings(req.site, slug, {name: value}, also=saved)
        except api.SettingsInvalid as error:
            raise PictureRefused(next(iter(error.problems.values()))) from None


async def _chosen(site: Site, form: Form[PictureForm]) -> str | None:
    """Store what was sent, and return its path; ``None`` for no picture."""
    sent = form.value
    if sent is None:
        raise PictureRefused(next(iter(form.errors.values()))[0])
    if sent.remove:
        return None
    if sent.picture is None:
        raise PictureRefused(Text("Choose a picture first."))
    try:
        return await api.add_settings_image(site, sent.picture)
    except ImageRejected as error:
        raise PictureRefused(error.reason) from None
