"""A Struct's rules (``Meta(min_length=…, ge=…, pattern=…)``) as marshmallow validators."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import Any

from marshmallow import ValidationError, validate
from msgspec import inspect

from changemaker_core.http.bodies.uploads import MAX_BYTES
from changemaker_core.text import Text

Validator = Callable[[Any], Any]


def validators_of(
    known: inspect.Type, extra: Mapping[str, Any] = MappingProxyType({})
) -> list[Validator]:
    """Return the validators of one type.

    ``extra`` may have a ``message`` instead of the one about its pattern, and the ``max_bytes``
    of an upload.
    """
    found: list[Validator] = []
    shortest, longest = getattr(known, "min_length", None), getattr(known, "max_length", None)
    if shortest is not None or longest is not None:
        found.append(_Length(shortest, longest, of_text=isinstance(known, inspect.StrType)))
    if any(getattr(known, name, None) is not None for name in _Range.NAMES):
        found.append(_Range(known))
    if getattr(known, "multiple_of", None) is not None:
        found.append(_MultipleOf(known.multiple_of))  # type: ignore[attr-defined]  # tested above
    if getattr(known, "pattern", None) is not None:
        found.append(_Pattern(known.pattern, longest, extra.get("message")))  # type: ignore[attr-defined]  # tested above
    if MAX_BYTES in extra:
        found.append(_Size(extra[MAX_BYTES]))
    return found


class _Size:
    """The size of an upload."""

    def __init__(self, most: int) -> None:
        self._most = most

    def __call__(self, value: Any) -> Any:
        if value.size > self._most:
            raise ValidationError(Text("This file is too large: at most {size}.", size=self._shown))
        return value

    @property
    def _shown(self) -> str:
        if self._most >= 1_000_000:
            return f"{self._most / 1_000_000:.3g}\N{NO-BREAK SPACE}MB"
        return f"{max(1, self._most // 1000)}\N{NO-BREAK SPACE}kB"


class _Length(validate.Length):
    """As marshmallow's, which apispec knows, with words for text and for lists."""

    def __init__(self, shortest: int | None, longest: int | None, *, of_text: bool) -> None:
        super().__init__(min=shortest, max=longest)
        self._of_text = of_text

    def __call__(self, value: Any) -> Any:
        if self.min is not None and len(value) < self.min:
            raise ValidationError(self._too_short(self.min))
        if self.max is not None and len(value) > self.max:
            raise ValidationError(self._too_long(self.max))
        return value

    def _too_short(self, least: int) -> Text:
        if self._of_text and least == 1:
            return Text("This field is required.")
        if self._of_text:
            return Text("Write at least {least} characters.", least=least)
        return Text("Choose at least {least}.", least=least)

    def _too_long(self, most: int) -> Text:
        if self._of_text:
            return Text("Write at most {most} characters.", most=most)
        return Text("Choose at most {most}.", most=most)


class _Range(validate.Range):
    """As marshmallow's, and NaN lies within no range."""

    NAMES = ("ge", "gt", "le", "lt")

    def __init__(self, known: inspect.Type) -> None:
        ge, gt, le, lt = (getattr(known, name, None) for name in self.NAMES)
        self._above = gt is not None
        self._below = lt is not None
        super().__init__(
            min=gt if gt is not None else ge,
            max=lt if lt is not None else le,
            min_inclusive=gt is None,
            max_inclusive=lt is None,
        )

    def __call__(self, value: Any) -> Any:
        least, most = self.min, self.max
        if least is not None and not (value > least if self._above else value >= least):
            raise ValidationError(self._too_small(least))
        if most is not None and not (value < most if self._below else value <= most):
            raise ValidationError(self._too_large(most))
        return value

    def _too_small(self, least: Any) -> Text:
        if self._above:
            return Text("This must be more than {least}.", least=least)
        return Text("This must be at least {least}.", least=least)

    def _too_large(self, most: Any) -> Text:
        if self._below:
            return Text("This must be less than {most}.", most=most)
        return Text("This must be at most {most}.", most=most)


class _MultipleOf:
    def __init__(self, step: float) -> None:
        self._step = step

    def __call__(self, value: Any) -> Any:
        if value % self._step != 0:
            raise ValidationError(Text("This must be a multiple of {step}.", step=self._step))
        return value


class _Pattern(validate.Regexp):
    """A pattern is searched for, as msgspec and JSON Schema do; marshmallow's own would match.

    Text that is longer than ``most`` has that error already, and no grammar looks at a megabyte.
    """

    def __init__(self, pattern: str, most: int | None, message: str | None) -> None:
        super().__init__(re.compile(pattern))
        self._most = most
        self._message = message or Text("This is not in the right format.")

    def __call__(self, value: Any) -> Any:
        if self._most is not None and len(value) > self._most:
            return value
        if self.regex.search(value) is None:
            raise ValidationError(self._message)
        return value
