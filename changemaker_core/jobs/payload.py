"""A job's arguments as stored: JSON text that decodes to what was encoded."""

from __future__ import annotations

import inspect
import json
import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from changemaker_core.jobs.errors import PayloadRefused
from changemaker_core.text import did_you_mean

if TYPE_CHECKING:
    from changemaker_core.jobs.declarations import Job

#: Bytes. A payload refers to data by id; the data itself is in the database.
MAX_BYTES = 64 * 1024


class Parameters:
    """The keys of payloads that the function of a job takes."""

    def __init__(self, job: Job) -> None:
        self._job = job.name
        #: ``None``: it takes any.
        self._taken: frozenset[str] | None = None
        self._needed: frozenset[str] = frozenset()
        try:
            _, *parameters = inspect.signature(job.func).parameters.values()
        except (TypeError, ValueError):  # written in C, without a signature
            return
        named = [p for p in parameters if p.kind in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY)]
        self._needed = frozenset(p.name for p in named if p.default is p.empty)
        if all(p.kind is not p.VAR_KEYWORD for p in parameters):
            self._taken = frozenset(p.name for p in named)

    def check(self, payload: Mapping[str, Any]) -> None:
        """Raise ``PayloadRefused`` where the function cannot be called with this payload."""
        keys = payload.keys()
        if self._taken is not None and not keys <= self._taken:
            wrong = min(keys - self._taken)
            known = did_you_mean(wrong, self._taken - keys) or _listed(self._taken)
            raise PayloadRefused(f"the job {self._job!r} has no parameter {wrong!r}.{known}")
        if not keys >= self._needed:
            missing = ", ".join(map(repr, sorted(self._needed - keys)))
            raise PayloadRefused(f"the payload of the job {self._job!r} lacks {missing}")


def _listed(names: frozenset[str]) -> str:
    return f" It has {', '.join(map(repr, sorted(names)))}." if names else " It takes no payload."


def encode(payload: Mapping[str, Any]) -> str:
    """Return ``payload`` as JSON text. Raises ``PayloadRefused``, which names the part at fault."""
    _check(payload, "payload")
    text = json.dumps(_plain(payload), separators=(",", ":"))
    if len(text) > MAX_BYTES:
        raise PayloadRefused(
            f"the payload has {len(text)} bytes of JSON; at most {MAX_BYTES} are allowed: "
            "store the data in a table and pass its id"
        )
    return text


def decode(text: str) -> dict[str, Any]:
    """Return the payload that ``encode`` was given."""
    payload: dict[str, Any] = json.loads(text)
    return payload


def _check(value: object, path: str) -> None:
    if value is None or isinstance(value, (str, bool, int)):
        return
    if isinstance(value, float):
        if not math.isfinite(value):
            raise PayloadRefused(f"{path} is {value}, which JSON does not have")
    elif isinstance(value, Mapping):
        _check_mapping(value, path)
    elif isinstance(value, Sequence) and not isinstance(value, (bytes, bytearray)):
        for index, item in enumerate(value):
            _check(item, f"{path}[{index}]")
    else:
        raise PayloadRefused(f"{path} is of type {type(value).__name__}, which JSON does not have")


def _check_mapping(mapping: Mapping[Any, Any], path: str) -> None:
    for key, item in mapping.items():
        if not isinstance(key, str):
            raise PayloadRefused(f"{path} has the key {key!r}; keys are text in JSON")
        _check(item, f"{path}.{key}")


def _plain(value: Any) -> Any:
    """Convert mappings and sequences of other kinds to dicts and lists."""
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, Sequence) and not isinstance(value, str):
        return [_plain(item) for item in value]
    return value
