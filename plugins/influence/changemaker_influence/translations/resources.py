"""Translations of campaigns over HTTP, for organisers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from changemaker_core import endpoint
from changemaker_influence.campaigns import permissions
from changemaker_influence.translations import services
from changemaker_influence.translations.schemas import Translation, TranslationChange

if TYPE_CHECKING:
    from changemaker_core import Request, Response


class Translations(msgspec.Struct, frozen=True):
    """A campaign's translations, begun or not."""

    data: list[Translation]


class TranslationsResource:
    """``/api/campaigns/{id}/translations``"""

    @endpoint(permission=permissions.READ, on="id", response=Translations)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> Translations:
        """List a campaign's translations, with what is missing and what is outdated."""
        return Translations(await req.site.db.read(services.translations, id))


class TranslationResource:
    """``/api/campaigns/{id}/translations/{language}``"""

    @endpoint(permission=permissions.READ, on="id", response=Translation)
    async def on_get(self, req: Request, resp: Response, *, id: str, language: str) -> Translation:
        """Return a campaign's texts in a language, beside the original."""
        return await req.site.db.read(services.translation, id, language)

    @endpoint(permission=permissions.WRITE, on="id", body=TranslationChange, response=Translation)
    async def on_patch(
        self, req: Request, resp: Response, *, id: str, language: str, body: TranslationChange
    ) -> Translation:
        """Write texts in a language. Each that is sent counts as right for the original of now."""
        return await req.site.db.write(services.translate, id, language, body)

    @endpoint(permission=permissions.WRITE, on="id", status=204)
    async def on_delete(self, req: Request, resp: Response, *, id: str, language: str) -> None:
        """Remove a translation: the campaign is shown in its own language."""
        await req.site.db.write(services.remove, id, language)
