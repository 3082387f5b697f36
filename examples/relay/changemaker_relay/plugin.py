"""Relay: the manifest, and the authenticator of peers."""

from __future__ import annotations

import hmac
from typing import TYPE_CHECKING

from changemaker_core import (
    Actor,
    Authenticator,
    Permission,
    Plugin,
    Route,
    Text,
    Unauthorized,
    hookimpl,
)
from changemaker_relay.config import RelayConfig

if TYPE_CHECKING:
    from changemaker_core import Job, Model, Request, Site


class RelayPlugin(Plugin):
    """Notes that organisations pass on to each other."""

    name = "relay"
    config = RelayConfig

    @hookimpl
    def cm_register_models(self) -> list[type[Model]]:
        from changemaker_relay.models import RelayNote

        return [RelayNote]

    @hookimpl
    def cm_register_routes(self, site: Site) -> list[Route]:
        from changemaker_relay.resources import NotesResource

        return [Route("/api/relay/notes", NotesResource(site))]

    @hookimpl
    def cm_register_jobs(self, site: Site) -> list[Job]:
        from changemaker_relay.deliveries import Deliveries

        return Deliveries(site).jobs()

    @hookimpl
    def cm_register_permissions(self) -> list[Permission]:
        return [Permission("relay.note.deliver", Text("Deliver notes of a peer"))]

    @hookimpl
    def cm_register_authenticators(self) -> list[Authenticator]:
        from changemaker_relay.signatures import DATE, PEER, SIGNATURE

        names = (PEER, DATE, SIGNATURE)
        return [Authenticator("relay.signature", find_peer, headers=names, strict=True)]


async def find_peer(req: Request) -> Actor | None:
    """Return the peer that signed the request. Raises ``Unauthorized`` for a wrong signature."""
    from changemaker_relay import signatures

    values = [req.get_header(name) or "" for name in (signatures.PEER, signatures.DATE)]
    signature = req.get_header(signatures.SIGNATURE)
    if signature is None:
        return None
    config, (peer, date) = req.site.config_of(RelayConfig), values
    body = await req.body_bytes()
    expected = signatures.sign(config.key.reveal(), req.method, req.target_uri, peer, date, body)
    fresh = signatures.is_fresh(date, req.site.clock().timestamp())
    good = hmac.compare_digest(expected.encode(), signature.encode())
    if not (good and fresh and peer in config.peers):
        raise Unauthorized
    return Actor("peer", peer, peer, frozenset({"relay.note.deliver"}))
