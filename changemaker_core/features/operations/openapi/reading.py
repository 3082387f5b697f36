"""An OpenAPI document, as its page reads it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: Where a document keeps its types, in references to them.
_TYPES: Final = "#/components/schemas/"
#: What limits a value, as people write it.
_LIMITS: Final = {
    "minLength": "≥ {} characters",
    "maxLength": "≤ {} characters",
    "minimum": "≥ {}",
    "maximum": "≤ {}",
    "exclusiveMinimum": "> {}",
    "exclusiveMaximum": "< {}",
    "minItems": "≥ {} items",
    "maxItems": "≤ {} items",
    "pattern": "{}",
}


@dataclass(frozen=True, slots=True)
class Kind:
    """What a value is: a text such as ``list of``, the name of the type that it leads to, and what
    limits the value."""

    text: str
    type: str | None = None
    limits: str = ""


@dataclass(frozen=True, slots=True)
class Value:
    """A parameter of an operation, or a property of a type."""

    name: str
    kind: Kind
    required: bool
    place: str = ""
    description: str = ""


@dataclass(frozen=True, slots=True)
class Response:
    """One status with which an operation responds."""

    status: str
    description: str
    kind: Kind | None


@dataclass(frozen=True, slots=True)
class Operation:
    """A method of a path. ``access`` are the names of the credentials that it takes, if any."""

    id: str
    method: str
    path: str
    summary: str
    description: str
    access: tuple[str, ...]
    parameters: list[Value]
    body: Kind | None
    responses: list[Response]


@dataclass(frozen=True, slots=True)
class Group:
    """The operations of a plugin."""

    name: str
    operations: list[Operation]


@dataclass(frozen=True, slots=True)
class Type:
    """An object that bodies and responses are made of."""

    name: str
    description: str
    properties: list[Value]


def groups_of(document: Mapping[str, Any]) -> list[Group]:
    """Return the operations of a document by their first tag, in the document's order."""
    groups: dict[str, Group] = {}
    for path, methods in document["paths"].items():
        for method, described in methods.items():
            name = (described.get("tags") or [""])[0]
            group = groups.setdefault(name, Group(name, []))
            group.operations.append(_operation(path, method, described))
    return list(groups.values())


def types_of(document: Mapping[str, Any]) -> list[Type]:
    """Return the types of a document, by name."""
    schemas = document["components"]["schemas"]
    return [
        Type(name, schemas[name].get("description", ""), list(_properties(schemas[name])))
        for name in sorted(schemas)
    ]


def _operation(path: str, method: str, described: Mapping[str, Any]) -> Operation:
    access = [" + ".join(each) for each in described.get("security", ()) if each]
    return Operation(
        id=described["operationId"],
        method=method.upper(),
        path=path,
        summary=described.get("summary") or "",
        description=described.get("description") or "",
        access=tuple(dict.fromkeys(access)),
        parameters=list(map(_parameter, described.get("parameters", ()))),
        body=_content(described.get("requestBody", {})),
        responses=[
            Response(status, response.get("description", ""), _content(response))
            for status, response in described["responses"].items()
        ],
    )


def _parameter(described: Mapping[str, Any]) -> Value:
    return Value(
        described["name"],
        kind_of(described.get("schema", {})),
        bool(described.get("required")),
        described["in"],
        described.get("description", ""),
    )


def _properties(schema: Mapping[str, Any]) -> Iterator[Value]:
    required = schema.get("required", ())
    for name, described in schema.get("properties", {}).items():
        description = described.get("description", "")
        yield Value(name, kind_of(described), name in required, description=description)


def _content(described: Mapping[str, Any]) -> Kind | None:
    """Return what a body or response is, in its first format; None for one without content."""
    for format, media in described.get("content", {}).items():
        schema = media.get("schema")
        return kind_of(schema) if schema and format.endswith("json") else Kind(format)
    return None


def kind_of(schema: Mapping[str, Any]) -> Kind:
    """Return what a schema's values are.

    >>> kind_of({"type": "array", "items": {"$ref": "#/components/schemas/Park"}})
    Kind(text='list of', type='Park', limits='')
    """
    if (reference := schema.get("$ref")) is not None:
        return Kind("", reference.removeprefix(_TYPES))
    limits = ", ".join(
        words.format(schema[name]) for name, words in _LIMITS.items() if name in schema
    )
    if "default" in schema and schema["default"] not in (None, [], {}):
        limits = ", ".join(filter(None, (limits, f"default {_written(schema['default'])}")))
    if "enum" in schema:
        return Kind(" | ".join(map(str, schema["enum"])), limits=limits)
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        kinds = [kind_of(choice) for choice in choices]
        inner = ", ".join(filter(None, [limits, *(kind.limits for kind in kinds)]))
        # One of them can be a link, which stands at the end.
        last = next((kind for kind in kinds if kind.type), kinds[-1])
        others = [f"{kind.text} {kind.type or ''}".strip() for kind in kinds if kind is not last]
        return Kind(" or ".join([*others, last.text]), last.type, inner)
    if schema.get("type") == "array":
        return _holding("list", schema.get("items", {}), limits)
    if isinstance(values := schema.get("additionalProperties"), dict) and values:
        return _holding("object", values, limits)
    kind = schema.get("format") or schema.get("type") or "any"
    return Kind(" or ".join(kind) if isinstance(kind, list) else str(kind), limits=limits)


def _holding(what: str, schema: Mapping[str, Any], limits: str) -> Kind:
    """Return a list or an object of values."""
    values = kind_of(schema)
    text = f"({values.text})" if " or " in values.text and not values.type else values.text
    inner = ", ".join(filter(None, (limits, values.limits)))
    return Kind(f"{what} of {text}".rstrip(), values.type, inner)


def _written(default: object) -> str:
    """Return a default as it is written in JSON, without the quotation marks of a text."""
    return default if isinstance(default, str) and default else json.dumps(default)
