"""Entries as people read them: with the values of persons, as far as they are not erased."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

import msgspec

from changemaker_core.features.audit import queries
from changemaker_core.features.audit.schemas import ActorOut, EntryOut, FieldChange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence

    from changemaker_core import Site

#: Entries that are read at once.
BATCH: Final = 500
#: What reading or sending JSON raises that Changemaker has not written: of another form, nested too
#: deeply, with numbers or halves of characters that no response can hold.
UNREADABLE: Final = (ValueError, RecursionError, OverflowError, msgspec.MsgspecError)
_UNREADABLE: Final = "(unreadable)"


class Details(msgspec.Struct, frozen=True, kw_only=True):
    """The details of an entry: each value, or the commitment that stands for it."""

    label: Any = None
    actor: Any = None
    client: Any = None
    key: str | None = None
    job: str | None = None
    changes: dict[str, dict[str, Any]] = {}


async def with_values(site: Site, rows: Sequence[queries.EntryRow]) -> list[EntryOut]:
    """Return entries with the values of persons."""
    if not rows:
        return []
    return shown(rows, await site.db.all(queries.personal_of(entries=[row.id for row in rows])))


def with_values_now(rows: Sequence[queries.EntryRow]) -> list[EntryOut]:
    """Return entries with the values of persons, inside a unit of work."""
    if not rows:
        return []
    return shown(rows, queries.personal_of(entries=[row.id for row in rows]).all())


async def all_entries(site: Site, **filters: Any) -> AsyncIterator[EntryOut]:
    """Yield all entries that the filters of ``queries.entries`` leave, the newest first."""
    place: dict[str, Any] = {}
    while True:
        rows = await site.db.all(queries.entries(**filters, **place, limit=BATCH))
        for entry in await with_values(site, rows):
            yield entry
        if len(rows) < BATCH:
            return
        place = _place_of(rows[-1])


def all_entries_now(site: Site, **filters: Any) -> Iterator[EntryOut]:
    """Yield what ``all_entries`` does, for a command; blocks for the database."""
    place: dict[str, Any] = {}
    while True:
        rows = site.db.sync.all(queries.entries(**filters, **place, limit=BATCH))
        yield from site.db.sync.read(with_values_now, rows)
        if len(rows) < BATCH:
            return
        place = _place_of(rows[-1])


def _place_of(last: queries.EntryRow) -> dict[str, Any]:
    return {"before_at": last.at, "before_id": last.id}


def shown(
    rows: Iterable[queries.EntryRow], values: Iterable[queries.PersonalRow]
) -> list[EntryOut]:
    """Return entries, with ``values`` in the places of their commitments."""
    of_entry: dict[str, dict[str, Any]] = defaultdict(dict)
    for value in values:
        of_entry[value.entry][value.commitment] = _loaded(value.value)
    return [_shown(row, of_entry[row.id]) for row in rows]


def _shown(row: queries.EntryRow, values: Mapping[str, Any]) -> EntryOut:
    """Return an entry; one that somebody has made unreadable in the database hides no other."""
    try:
        entry = _read(row, msgspec.convert(json.loads(row.details), Details), values)
        msgspec.json.encode(entry)  # and it can be sent
    except UNREADABLE:
        entry = _read(row, Details(label=_UNREADABLE), {})
    return entry


def _read(row: queries.EntryRow, details: Details, values: Mapping[str, Any]) -> EntryOut:
    erased: list[str] = []

    def read(stored: Any, name: str) -> Any:
        commitment = commitment_in(stored)
        if commitment is None:
            return stored
        if commitment not in values:
            erased.append(name)
        return values.get(commitment)

    changes = [
        FieldChange(
            field=field,
            before=read(change.get("before"), f"{field}.before"),
            after=read(change.get("after"), f"{field}.after"),
            secret="secret" in change,
        )
        for field, change in details.changes.items()
    ]
    return EntryOut(
        id=row.id,
        at=row.at,
        action=row.action,
        object_id=row.object_id,
        label=_text(read(details.label, "label")),
        actor=ActorOut(
            kind=row.actor_kind,
            id=row.actor_id or None,
            name=_text(read(details.actor, "actor")),
            key_id=details.key,
            job_id=details.job,
        ),
        client=_text(read(details.client, "client")),
        request_id=row.request_id or None,
        changes=changes,
        erased=erased,
        position=row.position,
        hash=row.hash,
    )


def _loaded(text: str) -> Any:
    try:
        return json.loads(text)
    except UNREADABLE:
        return _UNREADABLE


def _text(value: Any) -> str | None:
    return value if value is None or isinstance(value, str) else _UNREADABLE


def commitment_in(stored: Any) -> str | None:
    """Return the commitment that stands for a value, or ``None`` for a value that stands there."""
    if isinstance(stored, dict) and stored.keys() == {"personal"}:
        return str(stored["personal"])
    return None


def commitments_in(details: Any) -> set[str]:
    """Return all commitments in the details of an entry."""
    found: set[str] = set()
    waiting = [details]
    while waiting:
        value = waiting.pop()
        if (commitment := commitment_in(value)) is not None:
            found.add(commitment)
        elif isinstance(value, dict):
            waiting.extend(value.values())
        elif isinstance(value, list):
            waiting.extend(value)
    return found
