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

from changemaker_core.http.bodies.uploads import Upload
from changemaker_core.text import Text

_WORDS = {
    "required": Text("This field is required."),
    "null": Text("This must not be empty."),
}


#: Messages for a value of the wrong type.
_INVALID: dict[type[inspect.Type], Text] = {
    inspect.StrType: Text("This must be text."),
    inspect.IntType: Text("Enter a whole number."),
    inspect.FloatType: Text("Enter a number."),
    inspect.DecimalType: Text("Enter a number."),
    inspect.BoolType: Text("This must be true or false."),
    inspect.UUIDType: Text("This is not a valid id."),
    inspect.DateTimeType: Text("Enter a date and time such as 2026-05-31T18:00:00Z."),
    inspect.DateType: Text("Enter a date such as 2026-05-31."),
    inspect.TimeType: Text("Enter a time such as 18:30."),
}


class _Worded(fields.Field[Any]):
    """A field whose messages stay :class:`Text`; marshmallow would turn them into plain strings."""

    invalid: Text = Text("This value has the wrong type.")

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

    def __init__(self, kind: Any, strict: bool, invalid: Text | None, **options: Any) -> None:
        super().__init__(**options)
        self._kind = kind
        self._strict = strict
        self.invalid = invalid or _Worded.invalid

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Any:
        # A query can say "null" where the field may be empty.
        kind = self._kind | None if self.allow_none and self._kind is not Any else self._kind
        try:
            found = msgspec.convert(value, kind, strict=self._strict)
            if isinstance(found, datetime.datetime) and found.tzinfo is not None:
                found.astimezone(datetime.UTC)  # the years 1 and 9999 end earlier there
        except (msgspec.ValidationError, OverflowError):
            raise self.make_error("invalid") from None
        return found


class Uploaded(_Worded):
    """A file of a form."""

    invalid = Text("Choose a file.")

    def _deserialize(self, value: Any, attr: Any, data: Any, **kwargs: Any) -> Upload:
        if not isinstance(value, Upload):
            raise self.make_error("invalid")
        return value


def invalid_text(known: inspect.Type) -> Text | None:
    """Return the message for a value of the wrong type; ``None`` for the general one."""
    return _INVALID.get(type(known))


def choice_text(choices: Sequence[Any]) -> Text:
    """Return the message for a value that is none of ``choices``."""
    return Text("Choose one of: {choices}.", choices=", ".join(map(str, choices)))


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
