"""Signatures of requests: HMAC-SHA256 over method, address, time and the raw body."""

from __future__ import annotations

import hashlib
import hmac
from typing import Final

#: Seconds by which the clocks of two sites may differ. A request that is repeated within them does
#: nothing: each note is received once.
FRESH: Final = 300
PEER, DATE, SIGNATURE = HEADERS = ("Relay-Peer", "Relay-Date", "Relay-Signature")


def sign(key: str, method: str, uri: str, peer: str, date: str, body: bytes) -> str:
    """Return the signature, in hexadecimal digits. ``date`` is in seconds since 1970."""
    covered = "\n".join((method, uri, peer, date, hashlib.sha256(body).hexdigest()))
    return hmac.new(key.encode(), covered.encode(), hashlib.sha256).hexdigest()


def headers(key: str, uri: str, peer: str, now: float, body: bytes) -> dict[str, str]:
    """Return the headers of a signed POST from ``peer`` to ``uri``."""
    date = str(int(now))
    return {PEER: peer, DATE: date, SIGNATURE: sign(key, "POST", uri, peer, date, body)}


def is_fresh(date: str, now: float) -> bool:
    """Return whether a request was signed a short while ago."""
    return date.isdecimal() and len(date) < 12 and abs(int(date) - now) <= FRESH
