"""Personal data over HTTP. Addresses are in bodies: those of requests are logged by proxies."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from changemaker_core import endpoint
from changemaker_core.features.privacy import services
from changemaker_core.features.privacy.schemas import (
    ErasedOut,
    Erasure,
    Erasures,
    Export,
    Kinds,
    WhoseData,
)
from changemaker_core.features.privacy.views import kind_out

if TYPE_CHECKING:
    from changemaker_core import Actor, Request, Response, Site
    from changemaker_core.features.privacy.services import Erased, Held
    from changemaker_core.features.privacy.views import Translate

READ: Final = "privacy.read"
EXPORT: Final = "privacy.export"
ERASE: Final = "privacy.erase"
#: An export must not remain in a cache.
_NO_STORE: Final = ("Cache-Control", "no-store")


class _Resource:
    def __init__(self, site: Site) -> None:
        self._site = site

    def _translator(self, req: Request) -> Translate:
        return partial(self._site.translations.translate, locale=req.locale)


class KindsResource(_Resource):
    """``/api/privacy/kinds``"""

    @endpoint(permission=READ, response=Kinds)
    async def on_get(self, req: Request, resp: Response) -> Kinds:
        """List the kinds of personal data that the site stores, and how long they are kept."""
        translate = self._translator(req)
        kinds = services.kinds_of(self._site)
        return Kinds([kind_out(self._site, each, translate) for each in kinds])


class ExportResource(_Resource):
    """``/api/privacy/export``"""

    @endpoint(permission=EXPORT, body=WhoseData, response=Export, recent_sign_in=True)
    async def on_post(self, req: Request, resp: Response, *, body: WhoseData) -> Export:
        """Return everything that is stored about a person."""
        resp.set_header(*_NO_STORE)
        return await asyncio.to_thread(self._export, req.actor, body, self._translator(req))

    def _export(self, by: Actor | None, body: WhoseData, translate: Translate) -> Export:
        person = services.find_person_for(self._site, by, body.emails)
        _, found = services.export(self._site, person, translate)
        return msgspec.convert(found, Export)


class EraseResource(_Resource):
    """``/api/privacy/erase``"""

    @endpoint(permission=ERASE, body=Erasure, response=Erasures, recent_sign_in=True)
    async def on_post(self, req: Request, resp: Response, *, body: Erasure) -> Erasures:
        """Erase everything that is stored about a person, or count it."""
        return await asyncio.to_thread(self._erase, req.actor, body, self._translator(req))

    def _erase(self, by: Actor | None, body: Erasure, translate: Translate) -> Erasures:
        site = self._site
        person = services.find_person_for(site, by, body.emails)
        services.check_erasable(site, person, by)
        held = (services.look_up if body.dry_run else services.held_about)(site, person)
        done = [] if body.dry_run else services.erase(site, person)
        outcome = {each.kind.name: each for each in done}
        data = [_outcome(each, outcome.get(each.kind.name), translate) for each in held]
        complete = not any(each.remaining for each in data)
        return Erasures(dry_run=body.dry_run, complete=complete, data=data)


def _outcome(held: Held, erased: Erased | None, translate: Translate) -> ErasedOut:
    kind, found = held.kind, len(held.rows)
    return ErasedOut(
        name=kind.name,
        label=translate(kind.label),
        keeps=translate(kind.keeps) if kind.keeps else "",
        found=found,
        erased=erased.erased if erased else 0,
        remaining=erased.remaining if erased else found,
    )
