"""Columns that mean the same on SQLite and on PostgreSQL."""

from __future__ import annotations

import json
import re
import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import peewee
from msgspec import to_builtins

from changemaker_core.db.context import require_unit
from changemaker_core.db.errors import InvalidId, MomentOutOfRange, NaiveDatetime, QueryRefused

V = TypeVar("V")

if TYPE_CHECKING:
    Field = peewee.Field
else:

    class Field(peewee.Field):
        """peewee's fields are generic to a type checker only."""

        def __class_getitem__(cls, _: object) -> type:
            return cls


#: The length of ``2026-01-01T00:00:00Z``; msgspec writes microseconds, six digits, only where any.
_WHOLE_SECOND = 20
_CANONICAL = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")


def id_text(value: str | uuid.UUID | None) -> str | None:
    """Return an id as canonical text, from any spelling of it. Raises :class:`InvalidId`."""
    if value is None or (isinstance(value, str) and _CANONICAL.fullmatch(value)):
        return value
    try:
        return str(value if isinstance(value, uuid.UUID) else uuid.UUID(value))
    except (ValueError, AttributeError, TypeError):
        raise InvalidId(value) from None


def utc_text(value: datetime | None) -> str | None:
    """Return a point in time as text that sorts as time does: ISO 8601, UTC, microseconds."""
    if value is None:
        return None
    if value.tzinfo is None:
        raise NaiveDatetime(value)
    try:
        return value.astimezone(UTC).isoformat("T", "microseconds")
    except OverflowError:
        raise MomentOutOfRange(value) from None


def read_utc(value: str | datetime) -> datetime:
    """Return a point in time, as a database returns it, as an aware datetime in UTC."""
    moment = datetime.fromisoformat(value) if isinstance(value, str) else value
    return moment if moment.tzinfo is UTC else moment.astimezone(UTC)


class UUIDField(Field[V]):
    """An id: canonical text on SQLite, ``uuid`` on PostgreSQL, always ``str`` in Python.

    Keys are ``UUIDField(primary_key=True, default=new_id)``.
    """

    field_type = "UUID"

    if TYPE_CHECKING:

        @overload
        def __new__(cls, *, null: Literal[True], **options: Any) -> UUIDField[str | None]: ...
        @overload
        def __new__(cls, *, null: Literal[False] = ..., **options: Any) -> UUIDField[str]: ...
        def __new__(cls, **options: Any) -> Any: ...

    @staticmethod
    def db_value(value: Any) -> Any:
        """Return canonical text; nodes of a query as they are."""
        return value if isinstance(value, peewee.Node) else id_text(value)

    def python_value(self, value: Any) -> str | None:
        """Return the id as text."""
        return value if value is None or isinstance(value, str) else str(value)


class UtcField(Field[V]):
    """A point in time: ``TIMESTAMPTZ`` on PostgreSQL, ISO 8601 text in UTC on SQLite.

    Takes and gives aware datetimes; a naive one raises :class:`NaiveDatetime`, and one
    beyond the years 1 to 9999 in UTC :class:`MomentOutOfRange`.
    """

    field_type = "TIMESTAMPTZ"

    if TYPE_CHECKING:

        @overload
        def __new__(cls, *, null: Literal[True], **options: Any) -> UtcField[datetime | None]: ...
        @overload
        def __new__(cls, *, null: Literal[False] = ..., **options: Any) -> UtcField[datetime]: ...
        def __new__(cls, **options: Any) -> Any: ...

    @staticmethod  # the same for every column, so that an argument of two is converted once
    def db_value(value: Any) -> Any:
        """Return text that both databases understand; nodes of a query as they are."""
        if type(value) is datetime and value.tzinfo is UTC:
            # PERF: as utc_text does, in a third of the time; nearly every value takes this way.
            text = to_builtins(value)
            return text[:-1] + ("+00:00" if len(text) > _WHOLE_SECOND else ".000000+00:00")
        if isinstance(value, str):
            value = datetime.fromisoformat(value)
        return value if isinstance(value, peewee.Node) else utc_text(value)

    def python_value(self, value: Any) -> datetime | None:
        """Return the aware datetime in UTC."""
        return None if value is None else read_utc(value)


class JSONPath(peewee.JSONPath):
    """A value inside a JSON column."""

    def _cmp(self, op: str, rhs: Any) -> Any:
        if not self._as_text:  # type: ignore[attr-defined]  # absent from peewee's stubs
            refuse_argument(rhs)
        return super()._cmp(op, rhs)  # type: ignore[misc]  # absent from peewee's stubs


def refuse_argument(value: object) -> None:
    """Raise ``QueryRefused`` for an argument compared as JSON: databases write JSON differently."""
    if getattr(value, "stands_for_argument", False):
        raise QueryRefused(f"{value!r} is compared with a JSON value: use its as_text()")


class JSONField(peewee.JSONField):
    """JSON: ``JSONB`` on PostgreSQL, text on SQLite.

    peewee's own stays with the dialect of the first database its model was bound to; this one
    follows the current database.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(dumps=json.dumps, loads=json.loads, **options)

    def db_value(self, value: Any) -> Any:
        """Return JSON as the current database takes it; nodes of a query as they are."""
        return value if value is None or isinstance(value, peewee.Node) else self._wrap(value)

    def __getitem__(self, key: str | int) -> JSONPath:
        return JSONPath(self, (key,))

    def path(self, *keys: str | int) -> JSONPath:
        """Return a value inside the column."""
        return JSONPath(self, keys)

    def _compare(self, lhs: Any, eq_op: str, is_op: str, rhs: Any, as_text: bool) -> Any:
        if not as_text:
            refuse_argument(rhs)
        return super()._compare(lhs, eq_op, is_op, rhs, as_text)  # type: ignore[misc]  # no stub

    def _db_hook(self, database: object) -> None:
        """Ignore the database: the current one is looked up at each use."""

    def _methods(self) -> Any:
        database = require_unit("A JSON column was used").database
        return database.json_methods(database)

    @property
    def _helper(self) -> Any:
        return self._methods()

    @_helper.setter
    def _helper(self, value: object) -> None:
        """Ignored: peewee sets None first."""

    @property
    def _wrap(self) -> Any:
        return self._methods().make_value_wrapper(json.dumps)

    @_wrap.setter
    def _wrap(self, value: object) -> None:
        """Ignored: peewee sets None first."""

    @property
    def _read(self) -> Any:
        # PostgreSQL's own takes it that the driver has parsed it; here JSON stays text.
        base: Any = peewee.BaseJSONMethods  # type: ignore[attr-defined]  # absent from peewee's stubs
        return base.make_value_reader(self._methods(), json.loads)

    @_read.setter
    def _read(self, value: object) -> None:
        """Ignored: peewee sets None first."""
