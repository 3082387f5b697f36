"""Submitted forms: the data as typed, the parsed value, and the errors by field."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Generic, TypeVar

import msgspec
from msgspec import inspect

from changemaker_core.text import Text

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
        cls, struct: type[T], pairs: Iterable[tuple[str, Any]], errors_of: ErrorsOf
    ) -> Form[T]:
        """Parse pairs of names and values as ``struct``. Never raises for what a person typed.

        A value is text or an ``Upload``; uploads are not part of ``data``, as no form shows them.

        A box left empty is an absent value; spaces around a value do not count; an unticked
        checkbox is False; names that ``struct`` does not have are ignored.
        """
        pairs = list(pairs)
        plain = _plain(struct, pairs)
        form: Form[T] = cls(_typed(struct, pairs))
        for path, messages in errors_of(struct, plain).items():
            # ``recipients[2]`` is shown at the field that it is part of.
            name = path.partition("[")[0].partition(".")[0]
            form.errors.setdefault(name, []).extend(messages)
        if not form.errors:
            form._convert(struct, plain)
        return form

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


@cache
def _kinds(struct: type[msgspec.Struct]) -> dict[str, type[inspect.Type]]:
    """Return the kind of value of each field, by the name it is sent under."""
    info = inspect.type_info(struct)
    if not isinstance(info, inspect.StructType):
        raise TypeError(f"a form is described by a msgspec.Struct, not by {struct!r}")
    return {known.encode_name: _kind(known.type) for known in info.fields}


def _kind(known: inspect.Type) -> type[inspect.Type]:
    if isinstance(known, inspect.Metadata):
        return _kind(known.type)
    if isinstance(known, inspect.UnionType):
        some = [each for each in known.types if not isinstance(each, inspect.NoneType)]
        return _kind(some[0])
    return type(known)


def _typed(
    struct: type[msgspec.Struct], pairs: Iterable[tuple[str, Any]]
) -> dict[str, str | list[str]]:
    """Return the data to show in the form again, exactly as it was sent."""
    data: dict[str, str | list[str]] = {}
    kinds = _kinds(struct)
    for name, value in pairs:
        if not isinstance(value, str):
            continue
        if kinds.get(name) is inspect.ListType:
            data[name] = [*data.get(name, []), value]
        elif name in kinds:
            data[name] = value
    return data


def _plain(struct: type[msgspec.Struct], pairs: Iterable[tuple[str, Any]]) -> dict[str, Any]:
    """Return the data as values that a schema can validate."""
    kinds = _kinds(struct)
    plain: dict[str, Any] = {
        name: [] if kind is inspect.ListType else False
        for name, kind in kinds.items()
        if kind in (inspect.ListType, inspect.BoolType)
    }
    for name, value in pairs:
        tidy = value.replace("\r\n", "\n").strip() if isinstance(value, str) else value
        if name not in kinds or not tidy:
            continue
        if kinds[name] is inspect.ListType:
            plain[name].append(tidy)
        else:
            plain[name] = tidy.lower() in CHECKED if kinds[name] is inspect.BoolType else tidy
    return plain
