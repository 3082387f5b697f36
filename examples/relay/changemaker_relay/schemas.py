"""What peers send and what visitors see."""

from __future__ import annotations

from typing import Annotated

import msgspec

from changemaker_core import Body


class NoteIn(Body, frozen=True):
    """A note of the peer that sends it."""

    number: Annotated[int, msgspec.Meta(ge=1)]
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=2000)]


class NoteOut(msgspec.Struct, frozen=True):
    """A note as it is shown."""

    origin: str
    number: int
    text: str
