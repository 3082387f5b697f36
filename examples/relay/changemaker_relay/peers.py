"""The authenticator of peers."""

from __future__ import annotations

import hmac

from changemaker_core import Actor, Request, Unauthorized
from changemaker_relay import signatures
from changemaker_relay.config import RelayConfig
from changemaker_relay.resources import PERMISSION


async def find_peer(req: Request) -> Actor | None:
    """Return the peer that signed the request. Raises ``Unauthorized`` for a wrong signature."""
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
    return Actor("peer", peer, peer, frozenset({PERMISSION}))
