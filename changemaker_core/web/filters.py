"""Template filters: dates and numbers as the reader writes them, and small helpers for text."""

from __future__ import annotations

import re
from datetime import date, datetime
from typing import TYPE_CHECKING, Any

from babel.dates import format_date, format_time, get_timezone
from babel.numbers import format_decimal
from markupsafe import Markup, escape

if TYPE_CHECKING:
    from collections.abc import Callable

    from babel import Locale


def for_locale(locale: Locale, time_zone: str) -> dict[str, Callable[..., Any]]:
    """Return the filters of a locale; times are shown in ``zone``, by default the site's own.

    ``{{ event.starts_at|datetime(event.zone) }}`` shows when an event elsewhere begins there.
    """

    def show_date(value: date, style: str = "long", zone: str = time_zone) -> str:
        local = value.astimezone(get_timezone(zone)) if isinstance(value, datetime) else value
        return format_date(local, style, locale=locale)

    def show_time(value: datetime, zone: str = time_zone) -> str:
        return format_time(value, "short", tzinfo=get_timezone(zone), locale=locale)

    def show_datetime(value: datetime, zone: str = time_zone) -> str:
        return f"{show_date(value, zone=zone)}, {show_time(value, zone)}"

    return {
        "date": show_date,
        "datetime": show_datetime,
        "time": show_time,
        "number": lambda value: format_decimal(value, locale=locale),
        "paragraphs": paragraphs,
        "breaks": breaks,
    }


class Paragraphs(list[str]):
    """The paragraphs of a text: a list, which a template shows as ``<p>`` where it is printed."""

    def __html__(self) -> Markup:
        return Markup("\n").join(Markup("<p>{}</p>").format(breaks(each)) for each in self)

    def __str__(self) -> str:
        return "\n\n".join(self)


def paragraphs(text: str) -> Paragraphs:
    """The blocks of a plain text that blank lines part.

    >>> paragraphs("One\\ntwo\\n\\n\\nThree")
    ['One\\ntwo', 'Three']
    """
    blocks = re.split(r"\n[ \t]*\n", text.replace("\r\n", "\n"))
    return Paragraphs(block.strip() for block in blocks if block.strip())


def breaks(text: str) -> Markup:
    """Return escaped text with ``<br>`` for its line ends.

    >>> breaks("1 < 2\\nyes")
    Markup('1 &lt; 2<br>yes')
    """
    return Markup("<br>").join(escape(line) for line in text.splitlines())
