"""Struct to marshmallow: every error of an input, in words for people, with a stable path.

msgspec decodes valid input quickly; it stops at the first error. Where it rejects one, the schema
derived here from the same Struct finds all of them. Each value is converted by msgspec itself, so
that both accept the same input; a property test holds them to it.
"""

from __future__ import annotations

import functools
import operator
from functools import cache
from types import MappingProxyType
from typing import TYPE_CHECKING, Annotated, Any, Literal

import marshmallow
import msgspec
from marshmallow import RAISE
from msgspec import Meta, inspect

from changemaker_core.config import characters, email_address
from changemaker_core.http.bodies.uploads import Upload
from changemaker_core.http.validation.cleaning import CLEANED
from changemaker_core.http.validation.marshmallow_fields import (
    Listed,
    Mapped,
    Nested,
    Uploaded,
    Value,
    choice_text,
    invalid_text,
)
from changemaker_core.http.validation.validators import validators_of
from changemaker_core.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping

#: An address to write to: one line, one ``@``, a domain with a dot.
Email = Annotated[
    str,
    Meta(
        max_length=254,
        pattern=email_address.PATTERN,
        extra={"message": Text("Enter an email address such as name@example.org.")},
        extra_json_schema={"format": "email"},
    ),
]

#: One line of text, fit for a mail's header: no line ends, no control characters. What else nobody
#: sees, such as marks of direction and zero-width spaces, is removed.
SingleLine = Annotated[
    str,
    Meta(
        pattern=characters.LINE,
        extra={
            "message": Text("Write this on one line, without control characters."),
            CLEANED: "line",
        },
    ),
]

#: The name of a person, one line, which mails to strangers may have in them: it is no address of a
#: website, of which mail programs would make a link.
PersonName = Annotated[
    str,
    Meta(
        pattern=characters.NAME,
        extra={
            "message": Text("Write a name on one line, without the address of a website."),
            CLEANED: "line",
        },
    ),
]

#: Text of any number of lines. Control characters are removed.
MultiLine = Annotated[
    str,
    Meta(
        pattern=characters.LINES,
        extra={"message": Text("Write this without control characters."), CLEANED: "lines"},
    ),
]

#: What clients are told instead of a pattern that is hard to read, by that pattern; or nothing.
#: The invisible characters that ``SingleLine`` and ``MultiLine`` exclude are removed before, and
#: ``Email`` has its format.
PUBLISHED_PATTERNS: Mapping[str, str | None] = {
    characters.LINE: r"^[^\u0000-\u001f\u007f-\u009f\u2028\u2029]*$",
    characters.NAME: None,
    characters.LINES: None,
    email_address.PATTERN: None,
}

#: A password, exactly as it was typed: a form leaves the spaces around it, and does not show it
#: again.
Password = Annotated[
    str,
    Meta(
        max_length=256,
        extra={CLEANED: "as_typed"},
        extra_json_schema={"format": "password"},
    ),
]


def errors_of(
    struct: type[msgspec.Struct], data: Any, *, strict: bool = False
) -> dict[str, list[str]]:
    """Return every error of ``data`` as input of ``struct``, by path; empty when there is none.

    Paths look like ``recipients[2].email``; ``""`` is the input as a whole. With ``strict``, as
    for JSON, ``"3"`` is no number; without, as for forms and queries, it is.
    """
    found: dict[str, list[str]] = {}
    _flatten(schema_of(struct, strict=strict)().validate(data), "", found)
    return found


@cache
def schema_of(struct: type[msgspec.Struct], *, strict: bool = True) -> type[marshmallow.Schema]:
    """Return the marshmallow schema that accepts what msgspec accepts for ``struct``."""
    info = _info(struct)
    fields = {
        known.encode_name: _field(known.type, strict, required=known.required)
        for known in info.fields
    }
    unknown = RAISE if info.forbid_unknown_fields else marshmallow.EXCLUDE
    meta = type("Meta", (), {"unknown": unknown})
    return type(f"{struct.__name__}Schema", (_Schema,), {"Meta": meta, **fields})


@cache
def field_names(struct: type[msgspec.Struct]) -> frozenset[str]:
    """Return the names under which the fields of ``struct`` are sent."""
    return frozenset(known.encode_name for known in _info(struct).fields)


@cache
def list_names(struct: type[msgspec.Struct]) -> frozenset[str]:
    """Return the names of fields that may be sent several times."""
    return frozenset(known.encode_name for known in _info(struct).fields if _is_list(known.type))


class _Schema(marshmallow.Schema):
    error_messages = {  # noqa: RUF012 -- marshmallow's own way
        "type": Text("This must be an object with named fields."),
        "unknown": Text("Unknown field."),
    }


def _info(struct: type[msgspec.Struct]) -> inspect.StructType:
    info = inspect.type_info(struct)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"input is described by a msgspec.Struct, not by {struct!r}")
    return info


def _field(
    known: inspect.Type,
    strict: bool,
    *,
    required: bool = True,
    extra: Mapping[str, Any] = MappingProxyType({}),
) -> marshmallow.fields.Field[Any]:
    if isinstance(known, inspect.Metadata):
        extra = {**extra, **(known.extra or {})}
        return _field(known.type, strict, required=required, extra=extra)
    bare, optional = _without_none(known)
    if isinstance(bare, inspect.Metadata):
        extra = {**extra, **(bare.extra or {})}
        bare = bare.type
    options: dict[str, Any] = {
        "required": required,
        "allow_none": optional or isinstance(bare, inspect.AnyType | inspect.NoneType),
        "validate": validators_of(bare, extra),
    }
    return _build(bare, strict, options)


def _build(
    bare: inspect.Type, strict: bool, options: dict[str, Any]
) -> marshmallow.fields.Field[Any]:
    if isinstance(bare, inspect.StructType) and bare.tag is None:
        return Nested(schema_of(bare.cls, strict=strict), **options)
    if isinstance(bare, inspect.ListType):
        return Listed(_field(bare.item_type, strict), **options)
    if isinstance(bare, inspect.DictType) and _is_plain_text(bare.key_type):
        return Mapped(_field(bare.value_type, strict), **options)
    if isinstance(bare, inspect.CustomType) and bare.cls is Upload:
        return Uploaded(**options)
    if isinstance(bare, inspect.EnumType | inspect.LiteralType):
        return Value(kind_of(bare), strict, choice_text(_choices(bare)), **options)
    return Value(kind_of(bare), strict, invalid_text(bare), **options)


def _without_none(known: inspect.Type) -> tuple[inspect.Type, bool]:
    """Return the type inside ``… | None``, and whether there is a None."""
    if not isinstance(known, inspect.UnionType):
        return known, False
    rest = tuple(each for each in known.types if not isinstance(each, inspect.NoneType))
    return (rest[0] if len(rest) == 1 else inspect.UnionType(rest)), len(rest) < len(known.types)


def kind_of(known: inspect.Type) -> Any:
    """The Python type to convert to, its rules left to ``validators_of``."""
    if isinstance(known, inspect.Metadata):
        return kind_of(known.type)
    if isinstance(known, inspect.DateTimeType | inspect.TimeType):
        return Annotated[Value.KINDS[type(known)], Meta(tz=known.tz)]
    if isinstance(known, inspect.EnumType | inspect.StructType):
        return known.cls
    if isinstance(known, inspect.LiteralType):
        return Literal[known.values]
    if isinstance(known, inspect.UnionType):
        return functools.reduce(operator.or_, map(kind_of, known.types))
    if type(known) in Value.KINDS:
        return Value.KINDS[type(known)]
    raise TypeError(f"input of type {known!r} is not supported: describe it with simpler types")


def _choices(known: inspect.EnumType | inspect.LiteralType) -> list[Any]:
    if isinstance(known, inspect.LiteralType):
        return list(known.values)
    return [member.value for member in known.cls]


def _is_plain_text(known: inspect.Type) -> bool:
    return known == inspect.StrType()


def _is_list(known: inspect.Type) -> bool:
    if isinstance(known, inspect.Metadata):
        return _is_list(known.type)
    return isinstance(_without_none(known)[0], inspect.ListType)


def _flatten(errors: Any, path: str, found: dict[str, list[str]]) -> None:
    """marshmallow nests errors as the input is nested; here each gets its path."""
    if isinstance(errors, list):
        found.setdefault(path, []).extend(errors)
        return
    for key, inner in errors.items():
        _flatten(inner, _joined(path, key), found)


def _joined(path: str, key: str | int) -> str:
    if isinstance(key, int):
        return f"{path}[{key}]"
    if key == marshmallow.exceptions.SCHEMA:
        return path
    return f"{path}.{key}" if path else key
