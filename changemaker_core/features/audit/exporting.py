"""The log in files: as JSON Lines to verify it elsewhere, and as CSV for people."""

from __future__ import annotations

from collections import defaultdict
from typing import TYPE_CHECKING, Any, Final

import msgspec

from changemaker_core.audit.chain import FORMAT
from changemaker_core.db.fields import utc_text
from changemaker_core.features.audit import queries
from changemaker_core.features.audit.reading import all_entries_now
from changemaker_core.features.audit.resources import COLUMNS
from changemaker_core.http.streams.csv_tables import csv_lines

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core import Site

_BATCH: Final = 500


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
    """Yield the entries that the filters leave as a CSV file, the newest first."""
    return csv_lines(site, all_entries_now(site, **filters), COLUMNS)
