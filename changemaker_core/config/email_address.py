"""The grammar of email addresses, which configuration, forms and mail share.

A subset of RFC 5321 and 6531: quoted local parts and address literals are rejected; letters of all
alphabets are accepted on both sides.
"""

from __future__ import annotations

import re

#: Controls, surrogates, and what Unicode takes for the end of a line or paragraph.
LINE_BREAKS = re.compile("[\0-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")

_ATOM = r"[^\s@<>()\[\]\\,;:\".\x00-\x1f\x7f-\x9f]+"
_LOCAL = rf"{_ATOM}(?:\.{_ATOM})*"
#: Of a label in a domain. Labels beyond ASCII are checked in full by ``is_email_address``.
_LETTER = r"(?:[A-Za-z0-9]|[^\s\x00-\x9f])"
_LABEL = rf"{_LETTER}(?:(?:{_LETTER}|-)*{_LETTER})?"
#: The same grammar as far as one regular expression of JSON Schema can tell, for addresses of
#: people, whose domain has a dot.
# NOTE(schema): `$` would match before a final line end; the look-ahead does not, in Python and in
# JSON Schema alike.
PATTERN = rf"^(?=[^@]{{1,64}}@){_LOCAL}@{_LABEL}(?:\.{_LABEL})+(?![\s\S])"

_LOCAL_PART = re.compile(_LOCAL)
_ASCII_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)


def is_email_address(text: str) -> bool:
    """Return whether ``text`` is an address such as ``name@example.org``."""
    local, _, domain = text.rpartition("@")
    return (
        not LINE_BREAKS.search(text)
        and _LOCAL_PART.fullmatch(local) is not None
        and len(local.encode()) <= 64
        and _is_domain(domain)
    )


def ascii_domain(domain: str) -> str:
    """Return a domain as the DNS has it, ``xn--…``. Raises ``UnicodeError``.

    By IDNA 2008, as browsers do: ``faß.example`` is not ``fass.example``, which may be somebody
    else's, and which Python's own codec would return.
    """
    if domain.isascii():
        return domain
    import idna  # its tables are large, and most domains need none

    return idna.encode(domain, uts46=True).decode("ascii")


def _is_domain(domain: str) -> bool:
    try:
        name = ascii_domain(domain)
    except UnicodeError:
        return False
    return len(name) <= 253 and all(map(_ASCII_LABEL.fullmatch, name.split(".")))
