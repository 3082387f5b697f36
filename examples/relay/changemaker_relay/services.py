"""Publishing and receiving notes."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from changemaker_core import Conflict, Text, Tx
from changemaker_relay.models import RelayNote
from changemaker_relay.queries import last_number
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


def receive(tx: Tx, origin: str, note: NoteIn) -> None:
    """Store a peer's note unless it is here already. Raises ``Conflict`` where one is missing."""
    last = last_number(origin)
    if note.number > last + 1:
        raise Conflict(Text("A note before this one is missing."), code="note_missing")
    if note.number == last + 1:
        insert = RelayNote.insert(
            origin=origin, number=note.number, text=note.text, received_at=tx.now
        )
        insert.on_conflict_ignore().execute()  # two deliveries at the same moment
