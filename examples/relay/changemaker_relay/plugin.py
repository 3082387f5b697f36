"""Relay: the manifest."""

from __future__ import annotations

from changemaker_core import Authenticator, Job, Permission, Plugin, Route, Site, Text, hookimpl
from changemaker_relay import signatures
from changemaker_relay.config import RelayConfig
from changemaker_relay.deliveries import Deliveries
from changemaker_relay.models import RelayNote
from changemaker_relay.peers import find_peer
from changemaker_relay.resources import PERMISSION, NotesResource


class RelayPlugin(Plugin):
    """Notes that organisations pass on to each other."""

    name = "relay"
    config = RelayConfig
    contributes = (
        RelayNote,
        Permission(PERMISSION, Text("Deliver notes of a peer")),
        Route("/api/relay/notes", NotesResource()),
        Authenticator("relay.signature", find_peer, headers=signatures.HEADERS, strict=True),
    )

    @hookimpl
    def cm_register_jobs(self, site: Site) -> list[Job]:
        return Deliveries(site).jobs()
