"""How entries are hashed, in a way that a program of any language can repeat.

The *line* of an entry is a JSON array of a number and texts, without spaces, in UTF-8: format,
position, id, time, action, object, kind of actor, actor, request, details. Its hash is the SHA-256
of the former entry's hash, a line feed, and the line; before the first entry stand 64 zeros.

The *commitment* to a person's value is the SHA-256 of the salt and of a JSON array of the person,
the time of the entry and the value's own JSON text.
"""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any, Final, Protocol

from changemaker_core.db.fields import utc_text

if TYPE_CHECKING:
    from datetime import datetime

#: The first item of a line. Another way of hashing gets the next number; older entries keep theirs.
FORMAT: Final = 1
#: What stands before the first entry.
GENESIS: Final = "0" * 64
_encode: Final = json.JSONEncoder(ensure_ascii=False, separators=(",", ":"), allow_nan=False).encode


class Entry(Protocol):
    """The columns of an entry that are hashed."""

    @property
    def id(self) -> str: ...
    @property
    def at(self) -> datetime: ...
    @property
    def action(self) -> str: ...
    @property
    def object_id(self) -> str: ...
    @property
    def actor_kind(self) -> str: ...
    @property
    def actor_id(self) -> str: ...
    @property
    def request_id(self) -> str: ...
    @property
    def details(self) -> str: ...


def to_json(value: Any) -> str:
    """Return JSON text as it is stored and hashed: compact, in Unicode, fields in their order.

    Halves of a character, which no database can hold, become question marks.
    """
    return _encode(value).encode("utf-8", "replace").decode()


def hash_of(entry: Entry, position: int, previous: str) -> str:
    """Return the hash of an entry at a position of the chain, after the entry with ``previous``."""
    line = to_json(
        (
            FORMAT,
            position,
            str(entry.id),
            utc_text(entry.at),
            entry.action,
            entry.object_id,
            entry.actor_kind,
            entry.actor_id,
            entry.request_id,
            entry.details,
        )
    )
    return hashlib.sha256(f"{previous}\n{line}".encode()).hexdigest()


def commitment_of(salt: str, person: str, at: datetime, value: str) -> str:
    """Return the commitment to a person's value, which is JSON text."""
    text = salt + to_json((person, utc_text(at), value))
    return hashlib.sha256(text.encode()).hexdigest()
