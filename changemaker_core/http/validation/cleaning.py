"""Removes what nobody sees from texts that people wrote, before they are validated.

A type says how by ``Meta(extra={"cleaned": …})``: ``SingleLine`` and ``MultiLine`` do, and
``Password``, which stays as it was typed. Other texts of a form lose the spaces around them.
"""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Any, Final

import msgspec
from msgspec import inspect

from changemaker_core.config.characters import visible_line, visible_lines

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    Clean = Callable[[str], str]

#: The key of ``Meta.extra`` that says how a text is cleaned.
CLEANED: Final = "cleaned"
#: Characters of a text without a limit that is cleaned; a longer one is validated as it is.
_MOST: Final = 100_000
_CLEANERS: Final[dict[str, Clean]] = {
    "line": visible_line,
    "lines": visible_lines,
    "as_typed": str,
}


def cleaned(struct: type[msgspec.Struct], data: Any) -> Any:
    """Return the plain ``data`` of an input of ``struct`` with its texts cleaned."""
    return _cleaned(_info(struct), data, None)


def cleaned_pairs(
    struct: type[msgspec.Struct], pairs: Iterable[tuple[str, Any]]
) -> list[tuple[str, Any]]:
    """Return the pairs of a form of ``struct`` with its texts cleaned."""
    fields = _fields(struct)
    return [
        (name, _cleaned(fields[name], value, None) if name in fields else value)
        for name, value in pairs
    ]


@cache
def _info(struct: type[msgspec.Struct]) -> inspect.Type:
    return inspect.type_info(struct)


@cache
def _fields(struct: type[msgspec.Struct]) -> dict[str, inspect.Type]:
    """Return the type of each field; of a list, that of what it lists."""
    info = _info(struct)
    fields = info.fields if isinstance(info, inspect.StructType) else ()
    return {known.encode_name: _item(known.type) for known in fields}


def _item(known: inspect.Type) -> inspect.Type:
    if isinstance(known, inspect.Metadata) and isinstance(known.type, inspect.ListType):
        return known.type.item_type
    return known.item_type if isinstance(known, inspect.ListType) else known


def _cleaned(known: inspect.Type, value: Any, clean: Clean | None) -> Any:
    if isinstance(known, inspect.Metadata):
        how = (known.extra or {}).get(CLEANED)
        return _cleaned(known.type, value, _CLEANERS[how] if how else clean)
    if isinstance(known, inspect.UnionType):
        for each in known.types:
            value = _cleaned(each, value, clean)
        return value
    if isinstance(value, str):
        if clean is None or not isinstance(known, inspect.StrType) or _is_far_beyond(known, value):
            return value
        return clean(value)
    if isinstance(value, list) and isinstance(known, inspect.ListType):
        if known.max_length is not None and len(value) > known.max_length:
            return value  # that is its error
        return [_cleaned(known.item_type, each, None) for each in value]
    if isinstance(value, dict) and isinstance(known, inspect.DictType):
        return {name: _cleaned(known.value_type, each, None) for name, each in value.items()}
    if isinstance(value, dict) and isinstance(known, inspect.StructType):
        types = {field.encode_name: field.type for field in known.fields}
        return {
            name: _cleaned(types[name], each, None) if name in types else each
            for name, each in value.items()
        }
    return value


def _is_far_beyond(known: inspect.StrType, value: str) -> bool:
    """Return whether a text is so much longer than its limit that it is too long anyway: cleaning a
    megabyte takes half a second, in which nobody else is served."""
    most = _MOST if known.max_length is None else 2 * known.max_length + 100
    return len(value) > most
