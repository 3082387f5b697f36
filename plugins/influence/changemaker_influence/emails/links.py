"""Links that open the visitor's email app."""

from __future__ import annotations

from urllib.parse import quote, urlencode


def mailto(address: str, subject: str, body: str) -> str:
    """Return the ``mailto:`` link (RFC 6068) that opens a message in the visitor's email app.

    >>> mailto("a.b@example.ca", "Buses & trams", "One\\ntwo")
    'mailto:a.b@example.ca?subject=Buses%20%26%20trams&body=One%0D%0Atwo'
    """
    lines = "\r\n".join(body.splitlines())
    fields = urlencode({"subject": subject, "body": lines}, quote_via=quote)
    return f"mailto:{quote(address, safe='@')}?{fields}"
