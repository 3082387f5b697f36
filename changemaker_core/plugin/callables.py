"""Functions that plugins hand over: whether they can be called as they will be, found at boot."""

from __future__ import annotations

import inspect
import re
from typing import TYPE_CHECKING, Any

from changemaker_core.plugin.places import place_of

if TYPE_CHECKING:
    from collections.abc import Callable

#: ``await check(site)``: how a field of an item is called.
_CALL = re.compile(r"(?P<waits>await )?(?P<field>\w+)\((?P<arguments>[^()]*)\)")


def call_problem(item: Any, call: str) -> tuple[str, str] | None:
    """Return the problem and fix of a function of ``item`` that does not fit ``call``.

    ``call`` is ``await check(site)`` or ``func(run, **payload)``: the field, and the arguments that
    it is called with. A field that is ``None`` fits.
    """
    match = _CALL.fullmatch(call)
    if match is None:
        raise ValueError(f"{call!r} is no call; write one such as 'func(run, **payload)'")
    function = getattr(item, match["field"])
    if function is None:
        return None
    wrong = _misfit(function, match["arguments"], waits=match["waits"] is not None)
    if wrong is None:
        return None
    name = getattr(function, "__qualname__", type(function).__name__)
    named = getattr(item, "name", None) or getattr(item, "path", "")
    label = f"{type(item).__name__}({named!r})"
    place = place_of(function)
    fix = f"Write it for this call{f': {place}' if place else ''}."
    return f"{name} is {match['field']} of {label}, called as {call}: {wrong}.", fix


def _misfit(function: Any, arguments: str, *, waits: bool) -> str | None:
    if not callable(function):
        return "it is no function"
    if waits and _returns_at_once(function):
        return "it is not `async`"
    if not waits and (
        inspect.iscoroutinefunction(function) or inspect.isasyncgenfunction(function)
    ):
        return "it is `async`"
    passed = [each.strip() for each in arguments.split(",") if each.strip()]
    positional = [each for each in passed if not each.startswith("**")]
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # written in C, without a signature
        return None
    # What the payload has is known when it is enqueued.
    bind = signature.bind if positional == passed else signature.bind_partial
    try:
        bind(*positional)
    except TypeError as error:
        return str(error)
    return None


def _returns_at_once(function: Callable[..., Any]) -> bool:
    """Return whether it is a plain ``def``; other callables may return something to await."""
    plain = inspect.unwrap(function)
    if not inspect.isfunction(plain) or plain.__name__ == "<lambda>":
        return False
    return not inspect.iscoroutinefunction(plain)
