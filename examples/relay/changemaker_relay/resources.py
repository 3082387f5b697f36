"""The API: what this site has, and where peers deliver."""

from __future__ import annotations

from typing import Final

from changemaker_core import (
    CursorQuery,
    Cursors,
    Paginated,
    Request,
    Response,
    Tx,
    Unauthorized,
    endpoint,
    paginate,
)
from changemaker_relay.queries import notes
from changemaker_relay.schemas import NoteIn, NoteOut, Received
from changemaker_relay.services import receive

PERMISSION: Final = "relay.note.deliver"


class NotesResource:
    """``/api/relay/notes``"""

    @endpoint(public=True, query=CursorQuery, response=Paginated[NoteOut])
    async def on_get(
        self, req: Request, resp: Response, *, query: CursorQuery
    ) -> Paginated[NoteOut]:
        """List the notes of this site and of its peers, in the order in which it got them."""
        db, cursors = req.site.db, Cursors(req.site.signer("relay.notes"))
        after = cursors.after(query)
        wanted = notes(
            after=after[0] if after else None, limit=query.limit + 1, offset=query.offset
        )
        rows, total = await db.all(wanted), await db.count(notes())
        return paginate(rows, query, total, cursor=lambda last: cursors.write(last.id))

    @endpoint(permission=PERMISSION, body=NoteIn, response=Received)
    async def on_post(self, req: Request, resp: Response, *, body: NoteIn) -> Received:
        """Receive a note of the peer that signed the request."""
        return Received(await req.site.db.write(_receive, body))


def _receive(tx: Tx, note: NoteIn) -> int:
    if tx.actor is None or tx.actor.kind != "peer":
        raise Unauthorized
    return receive(tx, tx.actor.id, note)
