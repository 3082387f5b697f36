"""marshmallow fields whose values msgspec converts, with messages for people."""

from __future__ import annotations

import datetime
import decimal
import uuid
from collections.abc import Mapping, Sequence
from typing import Any, ClassVar

import msgspec
from marshmallow import ValidationError, fields
from msgspec import inspect

from changemaker_core.text import Text

_WORDS = {
    "required": Text("This is needed."),
    "null": Text("This must not be empty."),
}


class _Worded(fields.Field[Any]):
    """A field whose messages stay :class:`Text`; marshmallow would turn them into plain strings."""

    #: What is said of a value that is not of the field's kind.
    invalid: Text = Text("This value is not of the right kind.")

    def make_error(self, key: str, **kwargs: Any) -> ValidationError:
        return ValidationError(_WORDS.get(key, self.invalid))


class Value(_Worded):
    """One value; ``kind`` is the Python type that msgspec converts it to."""

    #: Python's type for each of msgspec's kinds of value.
    KINDS: ClassVar[dict[type[inspect.Type], Any]] = {
        inspect.AnyType: Any,
        inspect.NoneType: None,
        inspect.BoolType: bool,
        inspect.IntType: int,
        inspect.FloatType: float,
        inspect.StrType: str,
        inspect.BytesType: bytes,
        inspect.UUIDType: uuid.UUID,
        inspect.DecimalType: decimal.Decimal,
        inspect.DateTimeType: datetime.datetime,
        inspect.DateType: datetime.date,
        inspect.TimeType: datetime.time,
        inspect.TimeDeltaType: datetime.timedelta,
    }

    def __init__(self, kind: Any, strict: bool, **options: Any) -> None:
        super().__init__(**options)
        self._kind = kind
        self._strict = strict

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        # A query can say "null" where the field may be empty.
        kind = self._kind | None if self.allow_none and self._kind is not Any else self._kind
        try:
            return msgspec.convert(value, kind, strict=self._strict)
        except msgspec.ValidationError:
            raise self.make_error("invalid") from None


class _String(Value, fields.String):
    invalid = Text("This must be text.")


class _Integer(Value, fields.Integer):
    invalid = Text("Enter a whole number.")


class _Float(Value, fields.Float):
    invalid = Text("Enter a number.")


class _Boolean(Value, fields.Boolean):
    invalid = Text("This must be true or false.")


class _Uuid(Value, fields.UUID):
    invalid = Text("This is not an id.")


class _DateTime(Value, fields.AwareDateTime):
    invalid = Text("Enter a date and time such as 2026-05-31T18:00:00Z.")


class _Date(Value, fields.Date):
    invalid = Text("Enter a date such as 2026-05-31.")


_CLASSES: dict[type[inspect.Type], type[Value]] = {
    inspect.StrType: _String,
    inspect.IntType: _Integer,
    inspect.FloatType: _Float,
    inspect.BoolType: _Boolean,
    inspect.UUIDType: _Uuid,
    inspect.DateTimeType: _DateTime,
    inspect.DateType: _Date,
}


def field_class(known: inspect.Type) -> type[Value]:
    """The field for one of msgspec's kinds of value."""
    return _CLASSES.get(type(known), Value)


class Choice(Value):
    """One of a few values, which the message names."""

    def __init__(self, kind: Any, strict: bool, choices: Sequence[Any], **options: Any) -> None:
        super().__init__(kind, strict, **options)
        self.choices = list(choices)
        listed = ", ".join(map(str, choices))
        self.invalid = Text("Choose one of: {choices}.", choices=listed)


class Nested(_Worded, fields.Nested):
    """An object inside an object."""


class Listed(_Worded, fields.List[Any]):
    """A list of values."""

    invalid = Text("This must be a list.")


class Mapped(_Worded, fields.Dict):
    """An object with names of its own choosing, whose values are all of one kind."""

    invalid = Text("This must be an object with named values.")

    def __init__(self, inner: fields.Field[Any], **options: Any) -> None:
        super().__init__(keys=fields.String(), values=inner, **options)
        self._inner = inner

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> dict[str, Any]:
        if not isinstance(value, Mapping):
            raise self.make_error("invalid")
        result: dict[str, Any] = {}
        errors: dict[str, Any] = {}
        for name, each in value.items():
            try:
                result[name] = self._inner.deserialize(each)
            except ValidationError as error:
                # marshmallow would put "value" between the name and its errors.
                errors[name] = error.messages
        if errors:
            raise ValidationError(errors, valid_data=result)
        return result
