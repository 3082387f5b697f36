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
_SECURITY_NAMES = frozenset(name for name, _ in SECURITY)
HSTS: Header = (b"strict-transport-security", b"max-age=31536000")

#: An answer to one visitor is kept by nobody, unless its responder says otherwise.
NOT_KEPT: Header = (b"cache-control", b"no-store")
#: A cached answer may be kept by browsers, which ask each time whether it is still good.
ASK_EACH_TIME: Header = (b"cache-control", b"no-cache")
VARY: Header = (b"vary", b"Accept-Language, Cookie")


def secured(own: list[Header], *, secure: bool, defaults: Collection[Header] = ()) -> list[Header]:
    """``own`` headers, then those that every answer has and ``own`` does not say differently."""
    present = {name for name, _ in own}
    # PERF: most answers have none of these, so that nothing needs to be looked through.
    added: Iterable[Header] = (*SECURITY, *defaults)
    if not (_SECURITY_NAMES.isdisjoint(present) and present.isdisjoint(dict(defaults))):
        added = [each for each in added if each[0] not in present]
    return [*own, *added, HSTS] if secure else [*own, *added]
