"""Convert values to the types of the configuration, and describe these types in words."""

from __future__ import annotations

import re
from typing import Any

import msgspec
from msgspec import inspect

from changemaker_core.config.secret import Secret
from changemaker_core.text import did_you_mean

_LISTS = (inspect.CollectionType, inspect.TupleType)
_TABLES = (inspect.DictType, inspect.StructType, inspect.DataclassType, inspect.TypedDictType)
_WORDS = {"yes": True, "on": True, "true": True, "no": False, "off": False, "false": False}

#: Errors of msgspec, whose words are those of JSON.
_MISMATCH = re.compile(r"Expected `.+`, got `(?P<kind>\w+)`(?: - at `\$(?P<path>.+)`)?")
_NUMERIC_BOUND = re.compile(r"Expected `(?:int|float)` [<>]")
_TOML_TYPES = {
    "str": "text",
    "int": "a whole number",
    "float": "a number",
    "bool": "true or false",
    "array": "a list",
    "object": "a table",
    "null": "empty",
    "date": "a date",
    "datetime": "a date and time",
    "time": "a time",
}

_PLAIN_NAMES: dict[type[inspect.Type], str] = {
    inspect.BoolType: "true or false",
    inspect.StrType: "text",
    inspect.BytesType: "base64 text",
    inspect.DateType: "a date such as 2030-01-31",
    inspect.DateTimeType: "a time such as 2030-01-31T12:00:00Z",
    inspect.TimeDeltaType: "a duration such as PT30S",
    inspect.UUIDType: "a UUID",
    inspect.AnyType: "anything",
}


def convert(value: object, kind: Any, *, textual: bool) -> Any:
    """Return ``value`` as a ``kind``, or raise ``msgspec.ValidationError``.

    ``textual`` values come from the environment: "yes" is true, and lists are comma-separated or
    JSON.
    """
    if not textual or not isinstance(value, str):
        return msgspec.convert(value, kind, dec_hook=_own_type)
    read = _read_text(value, inspect.type_info(kind))
    return msgspec.convert(read, kind, strict=False, dec_hook=_own_type)


def _own_type(kind: type, value: object) -> object:
    """Return a value of a type that msgspec does not know."""
    if kind is not Secret:
        raise NotImplementedError(f"{kind.__name__} cannot be a type of a configuration")
    if not isinstance(value, str):
        raise msgspec.ValidationError(f"Expected `str`, got `{type(value).__name__}`")
    return Secret(value)


def _read_text(text: str, info: inspect.Type) -> object:
    choices = _without_none(info)
    if any(isinstance(choice, inspect.StrType | inspect.CustomType) for choice in choices):
        return text
    if any(isinstance(choice, inspect.BoolType) for choice in choices):
        return _WORDS.get(text.strip().lower(), text)
    if any(isinstance(choice, (*_LISTS, *_TABLES)) for choice in choices):
        return _read_structure(text)
    return text.strip()


def _read_structure(text: str) -> object:
    if text.lstrip().startswith(("[", "{")):
        try:
            return msgspec.json.decode(text)
        except msgspec.DecodeError as error:
            raise msgspec.ValidationError(f"Invalid JSON: {error}") from error
    return [item.strip() for item in text.split(",") if item.strip()]


def _without_none(info: inspect.Type) -> tuple[inspect.Type, ...]:
    if isinstance(info, inspect.UnionType):
        return tuple(t for t in info.types if not isinstance(t, inspect.NoneType))
    return (info,)


def explain(error: msgspec.ValidationError) -> str:
    """Return what was wrong with a value as a sentence with a space before it; empty where what
    ``describe`` says of its type is enough."""
    text = str(error)
    if found := _MISMATCH.fullmatch(text):
        kind, path = found["kind"], found["path"] or ""
        what = "A value in it" if path == "[...]" else f"The value at {path}" if path else "It"
        return f" {what} is {_TOML_TYPES.get(kind, kind)}."
    # NOTE(secrets): of the others, these contain the value.
    return "" if _NUMERIC_BOUND.match(text) or text.startswith("Invalid enum") else f" ({text})"


def describe(kind: Any, *, textual: bool = False) -> str:
    """Describe the values of a type in words: ``a list of text``.

    ``textual``: as they are written in the environment.
    """
    info = inspect.type_info(kind)
    choices = _without_none(info)
    if textual and any(isinstance(choice, _TABLES) for choice in choices):
        return f'{_describe(info)}, written as JSON: {{"name": …}}'
    if textual and any(isinstance(choice, _LISTS) for choice in choices):
        return "values separated by commas, or a list written as JSON"
    return _describe(info)


def meant(value: object, kind: Any) -> str:
    """Return a suggestion for a value that is none of the choices of ``kind``, if there is one."""
    choices = (
        str(choice)
        for info in _without_none(inspect.type_info(kind))
        if isinstance(info, inspect.LiteralType)
        for choice in info.values
    )
    return did_you_mean(value, choices) if isinstance(value, str) else ""


def _describe(info: inspect.Type) -> str:
    if isinstance(info, inspect.UnionType):
        return " or ".join(_describe(choice) for choice in _without_none(info))
    if isinstance(info, inspect.Metadata):
        return _describe(info.type)
    if isinstance(info, inspect.LiteralType):
        return "one of " + ", ".join(str(value) for value in info.values)
    if isinstance(info, inspect.EnumType):
        return "one of " + ", ".join(str(member.value) for member in info.cls)
    if isinstance(info, inspect.CustomType) and info.cls is Secret:
        return "text, which is kept secret"
    if isinstance(info, inspect.IntType | inspect.FloatType):
        return _describe_number(info)
    return _describe_structure(info)


def _describe_number(info: inspect.IntType | inspect.FloatType) -> str:
    name = "a whole number" if isinstance(info, inspect.IntType) else "a number"
    if info.ge is not None and info.le is not None:
        return f"{name} from {info.ge:g} to {info.le:g}"
    bounds = (
        ("of at least", info.ge),
        ("greater than", info.gt),
        ("of at most", info.le),
        ("less than", info.lt),
    )
    said = [f"{words} {bound:g}" for words, bound in bounds if bound is not None]
    return f"{name} {' and '.join(said)}".strip()


def _describe_structure(info: inspect.Type) -> str:
    if isinstance(info, inspect.CollectionType):
        listed = f"a list of {_describe(info.item_type)}"
        text = isinstance(info.item_type, inspect.StrType)
        return f'{listed}, such as ["one", "two"]' if text else listed
    if isinstance(info, inspect.TupleType):
        return "a list of " + ", ".join(_describe(item) for item in info.item_types)
    if isinstance(info, _TABLES):
        return "a table"
    return _PLAIN_NAMES.get(type(info), "another value")
