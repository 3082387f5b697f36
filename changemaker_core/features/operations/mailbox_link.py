"""The secret link to the development mailbox, which is printed when a site starts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from changemaker_core import BadSignature, Signer, utcnow

if TYPE_CHECKING:
    from changemaker_core import Config

MAILBOX: Final = "/mailbox"


def mailbox_link(config: Config, address: str) -> str | None:
    """Return the link to the mailbox of a site that is served at ``address``, if it has one.

    It stays the same until ``secret_key`` is changed.
    """
    if not config.development or config.smtp_url is not None:
        return None
    return f"{address}{MAILBOX}?key={_signer(config).write(MAILBOX)}"


def is_key(config: Config, sent: str) -> bool:
    """Return whether ``sent`` is the key in the link of this site."""
    try:
        return bool(_signer(config).read(sent, str) == MAILBOX)
    except BadSignature:
        return False


def _signer(config: Config) -> Signer:
    return Signer(config.secret_keys, "operations.mailbox", utcnow)
