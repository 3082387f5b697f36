"""Values that nothing prints: passwords, tokens, keys."""

from __future__ import annotations

import hmac
from typing import Any, NoReturn


class Secret:
    """A text of the configuration that is shown nowhere unless :meth:`reveal` is called.

    Its ``repr`` and ``str`` are the same for every secret, so that logs, tracebacks and ``doctor``
    do not contain it. It cannot be encoded as JSON or pickled. Comparisons take the same time
    whatever differs.

    >>> class Config(msgspec.Struct, frozen=True):
    ...     api_key: Secret | None = None
    """

    __slots__ = ("_value",)

    def __init__(self, value: str) -> None:
        self._value = value

    def reveal(self) -> str:
        """Return the text."""
        return self._value

    def __repr__(self) -> str:
        return "Secret(…)"

    def __bool__(self) -> bool:
        return bool(self._value)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Secret):
            return NotImplemented
        return hmac.compare_digest(self._value.encode(), other._value.encode())

    def __hash__(self) -> int:
        return hash(self._value)

    def __reduce__(self) -> NoReturn:
        raise TypeError("a Secret is not pickled: pass on what reveal() returns where it is meant")

    def __copy__(self) -> Secret:
        return self

    def __deepcopy__(self, memo: dict[int, Any]) -> Secret:
        return self
