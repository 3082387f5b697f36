"""The canonical form of email addresses: which spellings are one mailbox."""

from __future__ import annotations

import unicodedata

from changemaker_core.mail.errors import HeaderInjection, InvalidAddress
from changemaker_core.mail.message import Address


def canonical_email(email: str, *, strict: bool = False) -> str:
    """Return an address as it is stored: ``"Zoé@EXÄMPLE.org"`` → ``"zoé@xn--exmple-cua.org"``.

    Capitals, composed letters, and the alphabet of the domain do not make another address. Nothing
    else is folded: ``faß@example.org`` is another mailbox than ``fass@example.org``, and mail for
    one must not go to the other. What is no address is returned in lower case or, with ``strict``,
    raises ``InvalidAddress`` or ``HeaderInjection``.
    """
    local, _, domain = email.rpartition("@")
    local = unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).lower())
    if domain.isascii():
        domain = domain.lower()  # other capitals are the business of IDNA
    try:
        return Address("", f"{local}@{domain}").envelope
    except (InvalidAddress, HeaderInjection):
        if strict:
            raise
        return email.lower()
