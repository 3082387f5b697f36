"""Whose data a page shows, in its URL: encrypted, since URLs are logged and kept in histories."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from changemaker_core import BadSeal, NotFound, Text

if TYPE_CHECKING:
    from collections.abc import Sequence

    from changemaker_core import Request

#: How long a page about a person can be opened again.
LASTS: Final = timedelta(hours=8)
_PURPOSE: Final = "admin.people"


class _Addresses(msgspec.Struct, frozen=True):
    emails: list[str]
    until: datetime


def path_of(req: Request, emails: Sequence[str]) -> str:
    """Return the path of the page about the person with these addresses, for whoever asks."""
    value = _Addresses(list(emails), req.site.clock() + LASTS)
    text = msgspec.json.encode(value).decode()
    return f"/admin/people/{req.site.sealer(_PURPOSE).seal(text, place=_place(req))}"


def addresses_in(req: Request, key: str) -> list[str]:
    """Return the addresses in a path of ``path_of``. Raise ``NotFound`` for the paths of others,
    and for old ones."""
    try:
        text = req.site.sealer(_PURPOSE).unseal(key, place=_place(req))
    except BadSeal:
        raise _gone() from None
    value = msgspec.json.decode(text, type=_Addresses)
    if value.until < req.site.clock():
        raise _gone()
    return value.emails


def _place(req: Request) -> str:
    """Return whom a path is for: nobody else can open it."""
    return req.actor.id if req.actor else ""


def _gone() -> NotFound:
    return NotFound(Text("This page is not available any more. Search for the person again."))
