"""Structs that name a model's columns: what is selected for them, and stored from them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec
import peewee

from changemaker_core.db.errors import QueryRefused
from changemaker_core.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


def selected(
    model: type[peewee.Model], row: type[msgspec.Struct], expressions: Mapping[str, Any]
) -> list[Any]:
    """Return what to select for the fields of ``row``: columns of ``model``, or ``expressions``."""
    names = row.__struct_fields__
    fields: dict[str, peewee.Field[Any]] = model._meta.combined
    _refuse(row, model, [name for name in expressions if name not in names], names, "field")
    wanted = [name for name in names if name not in expressions]
    _refuse(row, model, [name for name in wanted if name not in fields], fields, "column")
    return [
        expressions[name].alias(name) if name in expressions else fields[name]
        for name in names
        if expressions.get(name, fields) is not None
    ]


def values_of(model: type[peewee.Model], struct: msgspec.Struct) -> dict[str, Any]:
    """Return the values of a Struct's fields by the names of the model's. Unset ones are left out.

    JSON columns get Structs and lists of them as JSON has them.
    """
    fields: dict[str, peewee.Field[Any]] = model._meta.combined
    names = struct.__struct_fields__
    _refuse(type(struct), model, [name for name in names if name not in fields], fields, "column")
    values = {name: getattr(struct, name) for name in names}
    return {
        fields[name].name: msgspec.to_builtins(value)
        if isinstance(fields[name], peewee.JSONField)
        else value
        for name, value in values.items()
        if value is not msgspec.UNSET
    }


def _refuse(
    struct: type[msgspec.Struct],
    model: type[peewee.Model],
    unknown: list[str],
    known: Iterable[str],
    what: str,
) -> None:
    if not unknown:
        return
    owner = struct if what == "field" else model
    problems = [
        f"{owner.__name__} has no {what} {name!r}.{did_you_mean(name, known)}" for name in unknown
    ]
    if what == "column":
        problems.append(f"It is named by {struct.__name__}: give its expression by that name.")
    raise QueryRefused(" ".join(problems))
