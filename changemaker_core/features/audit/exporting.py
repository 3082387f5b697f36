"""The log in files: as JSON Lines to verify it elsewhere, and as CSV for people."""

from __future__ import annotations

import csv
import io
from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

import msgspec

from changemaker_core.audit.chain import FORMAT
from changemaker_core.db.fields import utc_text
from changemaker_core.features.audit import queries
from changemaker_core.features.audit.reading import with_values_now
from changemaker_core.features.audit.resources import changes_as_text
from changemaker_core.http.streams.csv_tables import harmless

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core import Bound, Site
    from changemaker_core.features.audit.schemas import EntryOut

_BATCH: Final = 500
_HEADINGS: Final = (
    "time",
    "action",
    "object",
    "label",
    "actor_kind",
    "actor",
    "actor_name",
    "client",
    "request",
    "changes",
    "erased",
    "position",
    "hash",
)


def as_jsonl(site: Site) -> Iterator[bytes]:
    """Yield the sealed entries, one JSON object a line, in the order of the chain."""
    db, position = site.db.sync, 0
    while rows := db.all(queries.sealed_after(position=position, limit=_BATCH)):
        personal: dict[str, dict[str, Any]] = defaultdict(dict)
        for value in db.all(queries.personal_of(entries=[row.id for row in rows])):
            stored = {"salt": value.salt, "person": value.person, "value": value.value}
            personal[value.entry][value.commitment] = stored
        for row in rows:
            line = {"format": FORMAT, **msgspec.structs.asdict(row), "personal": personal[row.id]}
            line["at"] = utc_text(row.at)
            yield msgspec.json.encode(line) + b"\n"
        position = rows[-1].position or 0


def as_csv(site: Site, filters: dict[str, Any]) -> Iterator[bytes]:
    """Yield the entries that the filters leave, as lines of a CSV file, the newest first."""
    yield _csv(_HEADINGS)
    place: dict[str, Any] = {}
    while True:
        query = queries.entries(**filters, **place, limit=_BATCH)
        entries = site.db.sync.read(_with_values, query)
        for entry in entries:
            yield _csv(
                (
                    entry.at.isoformat(),
                    entry.action,
                    entry.object_id,
                    entry.label,
                    entry.actor.kind,
                    entry.actor.id,
                    entry.actor.name,
                    entry.client,
                    entry.request_id,
                    changes_as_text(entry.changes),
                    ", ".join(entry.erased),
                    entry.position,
                    entry.hash,
                )
            )
        if len(entries) < _BATCH:
            return
        place = {"before_at": entries[-1].at, "before_id": entries[-1].id}


def _with_values(query: Bound[queries.EntryRow]) -> list[EntryOut]:
    return with_values_now(query.all())


def _csv(cells: tuple[Any, ...]) -> bytes:
    line = io.StringIO()
    csv.writer(line).writerow([harmless(c) if isinstance(c, str) else c for c in cells])
    return line.getvalue().encode()
