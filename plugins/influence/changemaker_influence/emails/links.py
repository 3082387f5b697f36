"""Links that open the visitor's telephone or email app."""

from __future__ import annotations

import re
from urllib.parse import quote, urlencode


def tel(number: str) -> str:
    """Return the ``tel:`` link of a number as people write it; an extension becomes a pause.

    >>> tel("1 613 555-0100 ext. 12")
    'tel:+16135550100,12'
    """
    main, _, extension = re.sub(r"(?i)(ext\.?|poste|x)\s*(?=\d)", ",", number).partition(",")
    digits = re.sub(r"\D", "", main)
    # Ten digits, or eleven that begin with 1, are a number of the North American plan.
    if len(digits) == 10:
        digits = "1" + digits
    plus = "+" if "+" in main or (len(digits) == 11 and digits.startswith("1")) else ""
    pause = "," + re.sub(r"\D", "", extension) if extension else ""
    return f"tel:{plus}{digits}{pause}"


def mailto(address: str, subject: str, body: str) -> str:
    """Return the ``mailto:`` link (RFC 6068) that opens a message in the visitor's email app.

    >>> mailto("a.b@example.ca", "Buses & trams", "One\\ntwo")
    'mailto:a.b@example.ca?subject=Buses%20%26%20trams&body=One%0D%0Atwo'
    """
    lines = "\r\n".join(body.splitlines())
    fields = urlencode({"subject": subject, "body": lines}, quote_via=quote)
    return f"mailto:{quote(address, safe='@')}?{fields}"
