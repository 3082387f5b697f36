"""How each field of a group is entered: its options, its limits, and whether it may be empty."""

from __future__ import annotations

from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from zoneinfo import available_timezones

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from changemaker_core.features.settings.api import FieldOut, GroupOut

#: How a field's JSON Schema says what an input's attribute says.
_ATTRIBUTES = {"minimum": "min", "maximum": "max", "maxLength": "maxlength"}


class Input(NamedTuple):
    """A field, the values to choose from with their words, and the attributes of its input."""

    field: FieldOut
    options: Sequence[tuple[Any, str]]
    attributes: dict[str, Any]
    required: bool


def sections_of(group: GroupOut, languages: Mapping[str, str]) -> dict[str, list[Input]]:
    """Return the fields by their section, in their order. Pictures have forms of their own."""
    found: dict[str, list[Input]] = {}
    for field in group.fields:
        if field.kind != "image":
            found.setdefault(field.section, []).append(_input(field, languages))
    return found


def _input(field: FieldOut, languages: Mapping[str, str]) -> Input:
    schema = _plain(field.schema)
    attributes = {html: schema[key] for key, html in _ATTRIBUTES.items() if key in schema}
    if field.kind == "number" and schema.get("type") == "number":
        attributes["step"] = "any"
    values = _time_zones(field.value) if field.kind == "time_zone" else field.choices or ()
    words = languages if field.kind == "locale" else {}
    # An empty box takes a number, an address and the like back to their default.
    required = bool(schema.get("minLength")) or field.kind in ("choice", "locale", "time_zone")
    required = required and not _may_be_null(field.schema)
    return Input(
        field, [(each, words.get(each, str(each))) for each in values], attributes, required
    )


def _plain(schema: dict[str, Any]) -> dict[str, Any]:
    """Return the schema without its ``null``."""
    others = [each for each in schema.get("anyOf", ()) if each.get("type") != "null"]
    return others[0] if others else schema


def _may_be_null(schema: dict[str, Any]) -> bool:
    return any(each.get("type") == "null" for each in schema.get("anyOf", ()))


def _time_zones(chosen: str) -> tuple[str, ...]:
    """Return the names of time zones, with the one that is chosen."""
    known = _places()
    return known if chosen in known else (chosen, *known)


@lru_cache(maxsize=1)
def _places() -> tuple[str, ...]:
    """Return the time zones that are called by a place, such as ``America/Edmonton``, and UTC."""
    names = available_timezones()
    places = (each for each in names if "/" in each and not each.startswith(("Etc/", "SystemV/")))
    return ("UTC", *sorted(places))
