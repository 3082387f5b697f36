"""The API: what this site has, and where peers deliver."""

from __future__ import annotations

from typing import Final

import msgspec

from changemaker_core import Request, Response, Tx, Unauthorized, endpoint
from changemaker_relay.queries import notes
from changemaker_relay.schemas import NoteIn, NoteOut
from changemaker_relay.services import receive

PERMISSION: Final = "relay.note.deliver"


class Notes(msgspec.Struct, frozen=True):
    """All notes, in the order in which this site got them."""

    data: list[NoteOut]


class Received(msgspec.Struct, frozen=True):
    """The note is stored."""

    number: int


class NotesResource:
    """``/api/relay/notes``"""

    @endpoint(public=True, response=Notes)
    async def on_get(self, req: Request, resp: Response) -> Notes:
        """List the notes of this site and of its peers."""
        return Notes(await req.site.db.all(notes()))

    @endpoint(permission=PERMISSION, body=NoteIn, response=Received)
    async def on_post(self, req: Request, resp: Response, *, body: NoteIn) -> Received:
        """Receive a note of the peer that signed the request."""
        await req.site.db.write(_receive, body)
        return Received(body.number)


def _receive(tx: Tx, note: NoteIn) -> None:
    if tx.actor is None or tx.actor.kind != "peer":
        raise Unauthorized
    receive(tx, tx.actor.id, note)
