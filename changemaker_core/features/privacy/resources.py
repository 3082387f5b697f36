"""Personal data over HTTP. Addresses are in bodies: those of requests are logged by proxies."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING, Final

import msgspec

from changemaker_core import Conflict, Forbidden, Text, endpoint
from changemaker_core.features.accounts.api import check_may_manage
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
    from collections.abc import Iterable

    from changemaker_core import Actor, Request, Response, Site
    from changemaker_core.features.privacy.declarations import Person
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

    def _person(self, by: Actor | None, emails: Iterable[str]) -> Person:
        """Return a person whose data ``by`` may handle. Raise ``Forbidden`` for the account of
        somebody who may do more than they."""
        person = services.find_person(self._site, emails)
        for id in person.user_ids:
            if by is None:
                raise Forbidden
            self._site.db.sync.read(check_may_manage, self._site, by, id)
        return person


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
        person = self._person(by, body.emails)
        _, found = services.export(self._site, person, translate)
        return msgspec.convert(found, Export)


class EraseResource(_Resource):
    """``/api/privacy/erase``"""

    @endpoint(permission=ERASE, body=Erasure, response=Erasures, recent_sign_in=True)
    async def on_post(self, req: Request, resp: Response, *, body: Erasure) -> Erasures:
        """Erase everything that is stored about a person, or count it."""
        return await asyncio.to_thread(self._erase, req.actor, body, self._translator(req))

    def _erase(self, by: Actor | None, body: Erasure, translate: Translate) -> Erasures:
        site, person = self._site, self._person(by, body.emails)
        if by is not None and by.user_id in person.user_ids:
            raise Conflict(Text("Ask another administrator to erase your account."))
        services.check_erasable(site, person)
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
