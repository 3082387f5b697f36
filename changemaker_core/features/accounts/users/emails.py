"""Email addresses as accounts store and compare them."""

from __future__ import annotations

import unicodedata

from changemaker_core.mail import Address, HeaderInjection, InvalidAddress


def canonical(email: str) -> str:
    """Return an address as it is stored: ``"Zoé@EXÄMPLE.org"`` → ``"zoé@xn--exmple-cua.org"``.

    Capitals, composed letters, and the alphabet of the domain do not make another address. Nothing
    else is folded: ``faß@example.org`` is another mailbox than ``fass@example.org``, and mail for
    one must not go to the other.
    """
    local, _, domain = email.rpartition("@")
    local = unicodedata.normalize("NFC", unicodedata.normalize("NFC", local).lower())
    if domain.isascii():
        domain = domain.lower()  # other capitals are the business of IDNA
    try:
        return Address("", f"{local}@{domain}").envelope
    except (InvalidAddress, HeaderInjection):  # such as the command line may be given: no account's
        return email.lower()
