"""Queries and responses of the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any, Literal

import msgspec
from msgspec import Meta

from changemaker_core import CursorQuery

_Id = Annotated[str, Meta(max_length=200)]


class Filters(msgspec.Struct, frozen=True, kw_only=True):
    """What entries are looked for: of a user, an action, an object, a time."""

    actor: _Id | None = None
    action: Annotated[str, Meta(max_length=100)] | None = None
    object: _Id | None = None
    since: Annotated[datetime, Meta(tz=True)] | None = None
    until: Annotated[datetime, Meta(tz=True)] | None = None


class AuditQuery(CursorQuery, frozen=True, kw_only=True):
    """Query parameters of the list: a page, and what is looked for.

    ``since`` is the first moment, and ``until`` the one after the last.
    """

    actor: _Id | None = None
    action: Annotated[str, Meta(max_length=100)] | None = None
    object: _Id | None = None
    since: Annotated[datetime, Meta(tz=True)] | None = None
    until: Annotated[datetime, Meta(tz=True)] | None = None


class ExportQuery(Filters, frozen=True, kw_only=True):
    """Query parameters of a download."""

    format: Literal["csv", "xlsx"] = "csv"


class ActorOut(msgspec.Struct, frozen=True, kw_only=True):
    """Who acted. ``id`` is that of a user, who may have used the API key ``key_id``; ``name`` is
    the person's, the job's, or the system user's at the command line."""

    kind: str
    id: str | None = None
    name: str | None = None
    key_id: str | None = None
    job_id: str | None = None


class FieldChange(msgspec.Struct, frozen=True, kw_only=True):
    """A field that was changed. Of a ``secret`` one, neither value is recorded. A long value is an
    object with its beginning (``cut``), its length, and its SHA-256."""

    field: str
    before: Any = None
    after: Any = None
    secret: bool = False


class EntryOut(msgspec.Struct, frozen=True, kw_only=True):
    """An entry. ``erased`` names what belonged to a person who was erased; it is null.

    ``position`` and ``hash`` are null until the entry is sealed, within about a minute.
    """

    id: str
    at: datetime
    action: str
    object_id: str
    label: str | None
    actor: ActorOut
    client: str | None
    request_id: str | None
    changes: list[FieldChange]
    erased: list[str]
    position: int | None
    hash: str | None
