"""The campaigns that everybody serves: made by the product, copied to its peers."""

from __future__ import annotations

import json
import sqlite3
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import psycopg2
import psycopg2.extras

from benchmarks import places
from changemaker_core import Config, Site, Tx
from changemaker_influence.campaigns import services
from changemaker_influence.campaigns.models import Campaign, EmailTally
from changemaker_influence.campaigns.schemas import CampaignChange, NewCampaign

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

#: Campaigns of a database, unless an item is about how many there are.
ROWS = 1000
BODY_BYTES = 2000
_BATCH = 100
_PARAGRAPH = (
    "Dear {recipient_name}, I live at {postal_code}, near the creek, and I am writing about the "
    "parking lot that is planned in its wetland, où nichent les hérons. The wetland cleans the "
    "water that we drink and holds back the floods that used to reach our cellars. "
)
Row = dict[str, Any]


def new_campaign(number: int, body_bytes: int = BODY_BYTES) -> NewCampaign:
    """The campaign of this number: always the same."""
    text = _PARAGRAPH * (body_bytes // len(_PARAGRAPH.encode()) + 1)
    return NewCampaign(
        title=f"Keep wetland number {number} wild",
        description="A parking lot for 400 cars is planned where the creek meets the river.",
        call_to_action="Ask your council to protect the wetland",
        cover_photo="https://pictures.example.org/heron.jpg",
        email_subject=f"Please protect wetland number {number}",
        email_body=text.encode()[:body_bytes].decode(errors="ignore"),
        target_government_levels=["PROVINCIAL", "MUNICIPAL"],
    )


def template() -> str:
    """A body for POST, whose title is filled in by the load generator."""
    import msgspec

    return json.dumps({**msgspec.to_builtins(new_campaign(0)), "title": "@TITLE@"})


def seed(site_folder: Path, rows: int = ROWS) -> list[Row]:
    """Make and publish campaigns through the product's services; the rows of its database."""
    site = Site(Config.load(site_folder, environ={}))
    try:
        for first in range(0, rows, _BATCH):
            site.db.sync.write(_make, range(first, min(first + _BATCH, rows)))
        return site.db.sync.read(_rows)
    finally:
        site.close()


def _make(tx: Tx, numbers: Iterable[int]) -> None:
    for number in numbers:
        made = services.create(tx, new_campaign(number))
        services.change(tx, made.id, CampaignChange(status="ACTIVE"))


def _rows() -> list[Row]:
    tally = EmailTally.sent.alias("email_count")
    joined = Campaign.select(Campaign, tally).join(
        EmailTally, on=EmailTally.campaign == Campaign.id
    )
    found: Any = joined.order_by(Campaign.id).dicts()  # typed as models, which dicts() unmakes
    return list(found)


def sqlite_copy(path: Path, rows: Iterable[Row]) -> None:
    """The peers' database in a file, made anew."""
    for old in path.parent.glob(path.name + "*"):
        old.unlink()
    path.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(path) as database:
        database.execute("PRAGMA journal_mode = WAL")
        database.executescript((places.PEERS / "tables" / "sqlite.sql").read_text())
        for row in rows:
            names = ",".join(row)
            marks = ",".join("?" * len(row))
            values = [_for_sqlite(value) for value in row.values()]
            database.execute(f"INSERT INTO campaign ({names}) VALUES ({marks})", values)  # noqa: S608
    database.close()


def postgresql_copy(url: str, rows: list[Row]) -> None:
    """The peers' database on a server; it must be empty."""
    connection = psycopg2.connect(url)
    try:
        with connection, connection.cursor() as cursor:
            cursor.execute((places.PEERS / "tables" / "postgresql.sql").read_text())
            names = ",".join(rows[0])
            values = [[_for_postgresql(value) for value in row.values()] for row in rows]
            insert = f"INSERT INTO campaign ({names}) VALUES %s"  # noqa: S608
            psycopg2.extras.execute_values(cursor, insert, values)
    finally:
        connection.close()


def strapi_seeds(file: Path, rows: Iterable[Row]) -> None:
    """What Strapi makes its campaigns of; its own columns have other names."""
    hidden = {"id", "status", "allow_custom_recipients", "published_at", "created_by"}
    hidden |= {"created_at", "updated_at"}
    with file.open("w") as lines:
        for row in rows:
            kept = {name: value for name, value in row.items() if name not in hidden}
            lines.write(json.dumps({**kept, "state": row["status"]}) + "\n")


def _for_sqlite(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")
    return json.dumps(value) if isinstance(value, list) else value


def _for_postgresql(value: Any) -> Any:
    return psycopg2.extras.Json(value) if isinstance(value, list) else value


def slugs(rows: Iterable[Row]) -> Iterator[str]:
    """The addresses of campaigns."""
    return (row["slug"] for row in rows)
