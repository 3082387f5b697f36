"""Submitted forms: the data as typed, the parsed value, and the errors by field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time
from enum import Enum
from functools import cache
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import inspect

from changemaker_core.text import Text
from changemaker_core.web import wall_times

T = TypeVar("T", bound=msgspec.Struct)

#: Every error of an input, by field: ``errors_of(struct, data)``. Empty when there is none. The
#: http room has one, so that a form and the API report errors in the same words.
ErrorsOf = Callable[[type[Any], Mapping[str, Any]], Mapping[str, Sequence[str]]]

CHECKED = frozenset({"on", "1", "true", "yes"})
#: The key of errors that concern the form as a whole.
WHOLE = ""


@dataclass
class Form(Generic[T]):
    """A submitted form: ``value`` if it is valid, else ``errors`` by field; ``data`` as typed.

    Errors are ``Text``, so that the page shows them in the reader's language.
    """

    data: dict[str, str | list[str]]
    value: T | None = None
    errors: dict[str, list[str]] = field(default_factory=dict)

    @classmethod
    def parse(
        cls,
        struct: type[T],
        pairs: Iterable[tuple[str, Any]],
        errors_of: ErrorsOf,
        *,
        zone: str = "UTC",
    ) -> Form[T]:
        """Parse pairs of names and values as ``struct``. Never raises for what a person typed.

        A value is text or an ``Upload``; uploads are not part of ``data``, as no form shows them.

        A box left empty is an absent value; spaces around a value do not count, except in a
        ``Password``, which is not part of ``data`` either; an unticked
        checkbox is False; names that ``struct`` does not have are ignored.

        A ``datetime`` without an offset is what a clock in ``zone`` shows, and becomes a moment in
        UTC: the earlier one of two as the clocks go back, an error where they skip it. With
        ``Meta(tz=False)`` it stays without a zone.
        """
        pairs = list(pairs)
        plain = _plain(struct, pairs)
        form: Form[T] = cls(_typed(struct, pairs))
        skipped = _read_times(struct, plain, zone)
        for path, messages in (*errors_of(struct, plain).items(), *skipped.items()):
            # ``recipients[2]`` is shown at the field that it is part of.
            name = path.partition("[")[0].partition(".")[0]
            form.errors.setdefault(name, []).extend(messages)
        if not form.errors:
            form._convert(struct, plain)
        return form

    @classmethod
    def of(cls, value: T, *, zone: str = "UTC") -> Form[T]:
        """Return an unsent form that shows ``value``, a Struct with the form's fields.

        Moments are shown as a clock in ``zone`` shows them.
        """
        data = {
            field.encode_name: _shown(getattr(value, field.name), zone)
            for field in msgspec.structs.fields(value)
        }
        return cls({name: shown for name, shown in data.items() if shown is not None})

    @classmethod
    def blank(cls, **initial: str | list[str]) -> Form[T]:
        """Return an unsent form with the ``initial`` values of its fields."""
        return cls(dict(initial))

    def reject(self, name: str, message: str) -> None:
        """Add an error that validation could not find."""
        self.errors.setdefault(name, []).append(message)
        self.value = None

    def _convert(self, struct: type[T], plain: Mapping[str, Any]) -> None:
        try:
            self.value = msgspec.convert(plain, struct, strict=False)
        except msgspec.ValidationError:
            self.reject(WHOLE, Text("Part of this form could not be read."))


def _read_times(
    struct: type[msgspec.Struct], plain: dict[str, Any], zone: str
) -> dict[str, list[str]]:
    """Write the times of ``plain`` as a schema reads them; return those that do not exist."""
    skipped: dict[str, list[str]] = {}
    for name, kind in _kinds(struct).items():
        typed = plain.get(name)
        if not isinstance(typed, str):
            continue
        if isinstance(kind, inspect.TimeType):
            plain[name] = wall_times.to_time(typed)
        elif isinstance(kind, inspect.DateTimeType) and kind.tz is False:
            plain[name] = wall_times.to_naive(typed)
        elif isinstance(kind, inspect.DateTimeType):
            try:
                plain[name] = wall_times.to_moment(typed, zone)
            except wall_times.NoSuchTime as error:
                skipped[name] = [error.text]
                # Any moment: the schema is to find the errors of the other fields.
                plain[name] = f"{wall_times.to_naive(typed)}Z"
    return skipped


def _shown(value: Any, zone: str) -> str | list[str] | None:
    """Return a value as its field shows it; ``None`` for a box that is empty or not ticked."""
    if value is None or value is False:
        return None
    if value is True:
        return "on"
    if isinstance(value, Enum):
        return str(value.value)
    if isinstance(value, datetime):
        return wall_times.field_of_moment(value, zone)
    if isinstance(value, time):
        return wall_times.field_of_time(value)
    if isinstance(value, list | tuple | set | frozenset):
        return [shown for each in value if isinstance(shown := _shown(each, zone), str)]
    return str(value)


@cache
def _kinds(struct: type[msgspec.Struct]) -> dict[str, inspect.Type]:
    """Return the kind of value of each field, by the name it is sent under."""
    info = inspect.type_info(struct)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"a form is described by a msgspec.Struct, not by {struct!r}")
    return {known.encode_name: _kind(known.type) for known in info.fields}


@cache
def password_fields(struct: type[msgspec.Struct]) -> frozenset[str]:
    """Return the fields whose value is what was typed, and is not shown again."""
    info = inspect.type_info(struct)
    fields = info.fields if isinstance(info, inspect.StructType) else ()
    return frozenset(known.encode_name for known in fields if _is_password(known.type))


def _is_password(known: inspect.Type) -> bool:
    if isinstance(known, inspect.UnionType):
        return any(map(_is_password, known.types))
    return isinstance(known, inspect.Metadata) and (known.extra or {}).get("cleaned") == "as_typed"


def _kind(known: inspect.Type) -> inspect.Type:
    if isinstance(known, inspect.Metadata):
        return _kind(known.type)
    if isinstance(known, inspect.UnionType):
        some = [each for each in known.types if not isinstance(each, inspect.NoneType)]
        return _kind(some[0])
    return known


def _typed(
    struct: type[msgspec.Struct], pairs: Iterable[tuple[str, Any]]
) -> dict[str, str | list[str]]:
    """Return the data to show in the form again, exactly as it was sent."""
    data: dict[str, str | list[str]] = {}
    kinds, passwords = _kinds(struct), password_fields(struct)
    for name, value in pairs:
        if not isinstance(value, str) or name in passwords:
            continue
        if isinstance(kinds.get(name), inspect.ListType):
            data[name] = [*data.get(name, []), value]
        elif name in kinds:
            data[name] = value
    return data


def _plain(struct: type[msgspec.Struct], pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return the data as values that a schema can validate."""
    kinds, passwords = _kinds(struct), password_fields(struct)
    plain: dict[str, Any] = {
        name: [] if isinstance(kind, inspect.ListType) else False
        for name, kind in kinds.items()
        if isinstance(kind, inspect.ListType | inspect.BoolType)
    }
    for name, value in pairs:
        tidy = value
        if isinstance(value, str) and name not in passwords:
            tidy = value.replace("\r\n", "\n").strip()
        if name not in kinds or not tidy:
            continue
        kind = kinds[name]
        if isinstance(kind, inspect.ListType):
            plain[name].append(tidy)
        else:
            plain[name] = tidy.lower() in CHECKED if isinstance(kind, inspect.BoolType) else tidy
    return plain
