"""Template filters: dates and numbers as the reader writes them, and small helpers for text."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

from babel.dates import format_date, format_time, get_timezone
from babel.numbers import format_decimal
from markupsafe import Markup, escape

from changemaker_core.web.languages import babel_locale

if TYPE_CHECKING:
    from collections.abc import Callable


def for_locale(locale: str, time_zone: str) -> dict[str, Callable[..., Any]]:
    """The filters of one language; times are shown in the site's own zone."""
    babel = babel_locale(locale)
    zone = get_timezone(time_zone)

    def show_date(value: date, style: str = "long") -> str:
        local = value.astimezone(zone) if isinstance(value, datetime) else value
        return format_date(local, style, locale=babel)

    def show_datetime(value: datetime) -> str:
        day = format_date(value.astimezone(zone), "long", locale=babel)
        return f"{day}, {format_time(value, 'short', tzinfo=zone, locale=babel)}"

    return {
        "date": show_date,
        "datetime": show_datetime,
        "number": lambda value: format_decimal(value, locale=babel),
        "paragraphs": paragraphs,
        "breaks": breaks,
        "tel": tel,
        "mailto": mailto,
    }


def paragraphs(text: str) -> list[str]:
    """The blocks of a plain text that blank lines part.

    >>> paragraphs("One\\ntwo\\n\\n\\nThree")
    ['One\\ntwo', 'Three']
    """
    blocks = re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n"))
    return [block.strip() for block in blocks if block.strip()]


def breaks(text: str) -> Markup:
    """Escaped text whose line ends are kept.

    >>> breaks("1 < 2\\nyes")
    Markup('1 &lt; 2<br>yes')
    """
    return Markup("<br>").join(escape(line) for line in text.splitlines())


def tel(number: str) -> str:
    """The ``tel:`` address of a telephone number as people write it; extensions become pauses.

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
    """The ``mailto:`` address (RFC 6068) that opens a message in the reader's mail program.

    >>> mailto("a.b@example.ca", "Buses & trams", "One\\ntwo")
    'mailto:a.b@example.ca?subject=Buses%20%26%20trams&body=One%0D%0Atwo'
    """
    lines = "\r\n".join(body.splitlines())
    fields = urlencode({"subject": subject, "body": lines}, quote_via=quote)
    return f"mailto:{quote(address, safe='@')}?{fields}"
