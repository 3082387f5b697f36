"""What peers send and what visitors see."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from changemaker_core import Body

#: The most characters of a note.
LONGEST: Final = 2000


class NoteIn(Body, frozen=True):
    """A note of the peer that sends it. ``after`` is the number of the note before it, 0 for the
    first: numbers between the two are lost, and nobody is to wait for them."""

    number: Annotated[int, msgspec.Meta(ge=1)]
    after: Annotated[int, msgspec.Meta(ge=0)]
    text: Annotated[str, msgspec.Meta(min_length=1, max_length=LONGEST)]


class Received(msgspec.Struct, frozen=True):
    """The response to a note: ``number`` is that of the last note that this site has of the peer.

    A lower one than was sent means that a note between them is missing, and is to be sent first.
    """

    number: Annotated[int, msgspec.Meta(ge=0)]


class NoteOut(msgspec.Struct, frozen=True):
    """A note as it is shown. ``id`` counts in the order in which this site got the notes."""

    id: int
    origin: str
    number: int
    text: str
