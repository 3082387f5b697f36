"""Links that open the visitor's email app."""

from __future__ import annotations

from typing import Final
from urllib.parse import quote, urlencode

#: Characters of a link that Windows, and the email apps that people use, open as a whole.
LONGEST_MAILTO: Final = 1_800


def mailto(address: str, subject: str = "", body: str = "") -> str:
    """Return the ``mailto:`` link (RFC 6068) that opens a message in the reader's email app.

    Everything is encoded, so that no address adds a recipient or a text.

    >>> mailto("a.b@example.ca", "Buses & trams", "One\\ntwo")
    'mailto:a.b@example.ca?subject=Buses%20%26%20trams&body=One%0D%0Atwo'
    >>> mailto("rep?bcc=x@example.ca")
    'mailto:rep%3Fbcc%3Dx@example.ca'
    """
    fields = {"subject": subject, "body": "\r\n".join(body.splitlines())}
    query = urlencode({name: text for name, text in fields.items() if text}, quote_via=quote)
    local, _, domain = address.rpartition("@")
    return f"mailto:{quote(local, safe='')}@{quote(domain, safe='')}" + (query and f"?{query}")


def mailto_or_copy(address: str, subject: str, body: str) -> tuple[str, str | None]:
    """Return the ``mailto:`` link of a message, and None; or, where it would be too long, a link
    without what does not fit, and the text to copy into the message."""
    for link, to_copy in (
        (mailto(address, subject, body), None),
        (mailto(address, subject), body),
    ):
        if len(link) <= LONGEST_MAILTO:
            return link, to_copy
    return mailto(address), f"{subject}\n\n{body}"
