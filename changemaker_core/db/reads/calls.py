"""How a call of a compiled query becomes its arguments and the variant that they ask for."""

from __future__ import annotations

import typing
from typing import TYPE_CHECKING, Any

from changemaker_core.db.errors import QueryRefused
from changemaker_core.db.reads.generate import generate

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable
    from inspect import Parameter, Signature


def caller(
    name: str, signature: Signature, shape: Collection[str], make: Callable[..., Any]
) -> Callable[..., Any]:
    """A function that is called as ``signature`` says, and answers ``make(variant, arguments)``.

    Both are tuples in the order of the parameters. Of ``f(status=None, *, limit)`` comes

        lambda status, *, limit: __make__((status is None, limit is None), (status, limit))

    so that a wrong call is refused by Python itself, in its usual words.
    """
    parameters = signature.parameters.values()
    variant = _tuple(each if each in shape else f"{each} is None" for each in signature.parameters)
    text = f"lambda {_text(parameters)}: __make__({variant}, {_tuple(signature.parameters)})"
    made: Any = generate(text, {"__make__": make})
    made.__name__ = made.__qualname__ = name
    defaults = [each for each in parameters if each.default is not each.empty]
    made.__defaults__ = tuple(p.default for p in defaults if p.kind is p.POSITIONAL_OR_KEYWORD)
    made.__kwdefaults__ = {p.name: p.default for p in defaults if p.kind is p.KEYWORD_ONLY}
    return typing.cast("Callable[..., Any]", made)


def _text(parameters: Collection[Parameter]) -> str:
    """The parameters as they are written, without their defaults."""
    if any(p.kind not in (p.POSITIONAL_OR_KEYWORD, p.KEYWORD_ONLY) for p in parameters):
        raise QueryRefused("it may only take parameters that can be given by name")
    plain = [p.name for p in parameters if p.kind is p.POSITIONAL_OR_KEYWORD]
    named = [p.name for p in parameters if p.kind is p.KEYWORD_ONLY]
    return ", ".join([*plain, "*", *named] if named else plain)


def _tuple(items: Iterable[str]) -> str:
    return f"({''.join(f'{item}, ' for item in items)})"
