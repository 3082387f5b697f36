"""Entries as people read them: with the values of persons, as far as they are not erased."""

from __future__ import annotations

import json
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

from changemaker_core.features.audit import queries
from changemaker_core.features.audit.schemas import ActorOut, EntryOut, FieldChange

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterable, Mapping, Sequence

    from changemaker_core import Site

#: Entries that are read at once.
BATCH: Final = 500


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
        place = {"before_at": rows[-1].at, "before_id": rows[-1].id}


def shown(
    rows: Iterable[queries.EntryRow], values: Iterable[queries.PersonalRow]
) -> list[EntryOut]:
    """Return entries, with ``values`` in the places of their commitments."""
    of_entry: dict[str, dict[str, Any]] = defaultdict(dict)
    for value in values:
        of_entry[value.entry][value.commitment] = json.loads(value.value)
    return [_shown(row, of_entry[row.id]) for row in rows]


def _shown(row: queries.EntryRow, values: Mapping[str, Any]) -> EntryOut:
    details = _details(row)
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
        for field, change in details.get("changes", {}).items()
    ]
    return EntryOut(
        id=row.id,
        at=row.at,
        action=row.action,
        object_id=row.object_id,
        label=read(details.get("label"), "label"),
        actor=ActorOut(
            kind=row.actor_kind,
            id=row.actor_id or None,
            name=read(details.get("actor"), "actor"),
            key_id=details.get("key"),
            job_id=details.get("job"),
        ),
        client=read(details.get("client"), "client"),
        request_id=row.request_id or None,
        changes=changes,
        erased=erased,
        position=row.position,
        hash=row.hash,
    )


def _details(row: queries.EntryRow) -> dict[str, Any]:
    """Return the details of an entry, which somebody may have made unreadable in the database."""
    try:
        found = json.loads(row.details)
    except ValueError:
        return {"label": "(unreadable)"}
    return found if isinstance(found, dict) else {"label": "(unreadable)"}


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
