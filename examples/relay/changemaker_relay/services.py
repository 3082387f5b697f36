"""Publishing and receiving notes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from changemaker_core import Conflict, Text, Tx
from changemaker_relay.models import RelayNote
from changemaker_relay.queries import last_number, text_of
from changemaker_relay.schemas import NoteIn

PUBLISH: Final = "relay.publish"
DELIVER: Final = "relay.deliver"


def publish(tx: Tx, texts: Iterable[str]) -> None:
    """Have notes published, in this order. The lane gives one number at a time."""
    for text in texts:
        tx.enqueue(PUBLISH, {"text": text}, lane="relay.publish")


def record_own(tx: Tx, origin: str, peers: Iterable[str], text: str) -> None:
    """Store a note of this site, and have it delivered to each peer in the peer's lane."""
    number = last_number(origin) + 1
    RelayNote.create(origin=origin, number=number, text=text, received_at=tx.now)
    for peer in peers:
        tx.enqueue(DELIVER, {"peer": peer, "number": number}, lane=f"relay.peer:{peer}")


def catch_up(tx: Tx, origin: str, peers: Iterable[str]) -> None:
    """Have the last note delivered again: a peer that lacks it, or one before it, gets them."""
    number = last_number(origin)
    for peer in peers if number else ():
        tx.enqueue(DELIVER, {"peer": peer, "number": number}, lane=f"relay.peer:{peer}")


def receive(tx: Tx, origin: str, note: NoteIn) -> int:
    """Store a peer's note; return the number of the last one that this site has of the peer.

    A note that is here already, or before which one is missing, changes nothing. Raises
    ``Conflict`` where the peer has sent another note under this number, as it does after a restore
    of an old backup.
    """
    last = last_number(origin)
    if note.number <= last:
        if text_of(origin, note.number) != note.text:
            raise Conflict(Text("Another note came under this number."), code="another_note")
        return last
    if note.after > last:
        return last
    insert = RelayNote.insert(origin=origin, number=note.number, text=note.text, received_at=tx.now)
    insert.on_conflict_ignore().execute()  # two deliveries at the same moment
    return note.number
