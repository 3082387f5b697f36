"""Headers that every answer carries."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

Header = tuple[bytes, bytes]

# No script, style, image or form of another site, and none written into a page.
CONTENT_SECURITY_POLICY = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data:",
        "font-src 'self'",
        "connect-src 'self'",
        "manifest-src 'self'",
        "frame-src 'self'",
        "form-action 'self'",
        "base-uri 'none'",
        "frame-ancestors 'none'",
    ]
)
PERMISSIONS_POLICY = "camera=(), geolocation=(self), microphone=(), payment=(), usb=()"

SECURITY: tuple[Header, ...] = (
    (b"content-security-policy", CONTENT_SECURITY_POLICY.encode()),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
    (b"permissions-policy", PERMISSIONS_POLICY.encode()),
    (b"cross-origin-opener-policy", b"same-origin"),
)
#: What matters for JSON, which no browser shows as a page. PERF: each header costs half a
#: microsecond in the server.
SECURITY_OF_DATA: tuple[Header, ...] = (
    (b"content-security-policy", b"default-src 'none'; frame-ancestors 'none'"),
    (b"x-content-type-options", b"nosniff"),
    (b"referrer-policy", b"strict-origin-when-cross-origin"),
)
_SECURITY_NAMES = frozenset(name for name, _ in SECURITY)
_DATA = (b"application/json", b"application/problem+json")
HSTS: Header = (b"strict-transport-security", b"max-age=31536000")

#: An answer to one visitor is kept by nobody, unless its responder says otherwise.
NOT_KEPT: Header = (b"cache-control", b"no-store")
#: A cached answer may be kept by browsers, which ask each time whether it is still good.
ASK_EACH_TIME: Header = (b"cache-control", b"no-cache")
VARY: Header = (b"vary", b"Accept-Language, Cookie")


def secured(own: list[Header], *, secure: bool, defaults: Collection[Header] = ()) -> list[Header]:
    """``own`` headers, then those that every answer has and ``own`` does not say differently."""
    present = dict(own)
    security = SECURITY_OF_DATA if present.get(b"content-type") in _DATA else SECURITY
    # PERF: most answers have none of these, so that nothing needs to be looked through.
    added: Iterable[Header] = (*security, *defaults)
    if not (_SECURITY_NAMES.isdisjoint(present) and present.keys().isdisjoint(dict(defaults))):
        added = [each for each in added if each[0] not in present]
    return [*own, *added, HSTS] if secure else [*own, *added]
