"""A link stands by itself: what is written next to it would become a part of the address.

Mail programs make links of addresses in a text. In ``https://example.net/?{{ link }}`` the link to
a new password would be sent to another site by whoever follows it. Brackets and quotation marks
may be parts of an address, so that a white space stands beyond them; and between ``<>`` or ``""``
white space is none (RFC 3986, appendix C).
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

from changemaker_core.features.mailtemplates.language import Condition, Variable

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from changemaker_core.features.mailtemplates.language import Nodes

_BEFORE: Final = "(<[«“„\"'"
_AFTER: Final = ")>]»”.,;!?\"'"
#: What begins and ends what is written as one address, spaces and line ends included.
_ENCLOSING: Final = re.compile(r"([<>\"]|\n[ \t\r\u00a0]*\n)")
_ADDRESS: Final = re.compile(r"(?:https?|ftp|mailto)\s*:|//|www\.|\w\.\w+\s*/", re.IGNORECASE)
#: Where every mail program ends an address. In many, other spaces of Unicode are a part of it.
_SPACES: Final = frozenset(" \n\r\u00a0")
#: Where a text is: outside of all brackets, inside of some, and there behind another address.
_OUTSIDE: Final = 0
_INSIDE: Final = 1
_CONTINUED: Final = 2


def crowded(nodes: Nodes, links: Container[str]) -> list[Variable]:
    """Return the variables among ``links`` that something may touch, whichever conditions hold."""
    found: dict[Variable, None] = {}
    _walk(nodes, links, found, is_free=True)
    _walk_back(nodes, links, found, is_free=True)
    _walk_inside(nodes, links, found, frozenset([_OUTSIDE]))
    return list(found)


def _walk(
    nodes: Iterable[str | Variable | Condition],
    links: Container[str],
    found: dict[Variable, None],
    *,
    is_free: bool,
) -> bool:
    """Return whether an address can begin behind ``nodes``, where ``is_free`` says so before."""
    for node in nodes:
        if isinstance(node, str):
            rest = node.rstrip(_BEFORE)
            is_free = rest[-1:] in _SPACES or (not rest and is_free)
        elif isinstance(node, Condition):
            branches = (node.then, node.otherwise)
            is_free = all([_walk(each, links, found, is_free=is_free) for each in branches])
        else:
            if node.name in links and not is_free:
                found[node] = None
            is_free = False
    return is_free


def _walk_back(
    nodes: Nodes, links: Container[str], found: dict[Variable, None], *, is_free: bool
) -> bool:
    """Return whether an address can end before ``nodes``, where ``is_free`` says so behind."""
    for node in reversed(nodes):
        if isinstance(node, str):
            rest = node.lstrip(_AFTER)
            is_free = rest[:1] in _SPACES or (not rest and is_free)
        elif isinstance(node, Condition):
            branches = (node.then, node.otherwise)
            is_free = all([_walk_back(each, links, found, is_free=is_free) for each in branches])
        else:
            if node.name in links and not is_free:
                found[node] = None
            is_free = False
    return is_free


def _walk_inside(
    nodes: Nodes, links: Container[str], found: dict[Variable, None], states: frozenset[int]
) -> frozenset[int]:
    """Return where a text may be behind ``nodes``, by where it may be before."""
    for node in nodes:
        if isinstance(node, str):
            states = frozenset(_behind(node, state) for state in states)
        elif isinstance(node, Condition):
            branches = (node.then, node.otherwise)
            states = frozenset().union(
                *(_walk_inside(each, links, found, states) for each in branches)
            )
        elif node.name in links and _CONTINUED in states:
            found[node] = None
    return states


def _behind(text: str, state: int) -> int:
    for part in _ENCLOSING.split(text):
        if part == "<" or (part == '"' and state == _OUTSIDE):
            state = _INSIDE
        elif _ENCLOSING.fullmatch(part):
            state = _OUTSIDE
        elif state == _INSIDE and _ADDRESS.search(part):
            state = _CONTINUED
    return state
