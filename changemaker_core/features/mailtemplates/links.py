"""A link stands by itself: what is written next to it would become a part of the address.

Mail programs make links of addresses in a text. In ``https://example.net/?{{ link }}`` the link to
a new password would be sent to another site by whoever follows it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from changemaker_core.features.mailtemplates.language import Condition, Variable

if TYPE_CHECKING:
    from collections.abc import Container, Iterable

    from changemaker_core.features.mailtemplates.language import Nodes

_BEFORE: Final = frozenset("(<[«“„\"'")
_AFTER: Final = frozenset(")>]»”.,;!?\"'")


def crowded(nodes: Nodes, links: Container[str]) -> list[Variable]:
    """Return the variables among ``links`` that something may touch, whichever conditions hold."""
    found: dict[Variable, None] = {}
    _walk(nodes, links, found, is_free=True)
    _walk_back(nodes, links, found, is_free=True)
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
            is_free = node[-1].isspace() or node[-1] in _BEFORE
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
            rest = node.lstrip("".join(_AFTER))
            is_free = rest[:1].isspace() or (not rest and is_free)
        elif isinstance(node, Condition):
            branches = (node.then, node.otherwise)
            is_free = all([_walk_back(each, links, found, is_free=is_free) for each in branches])
        else:
            if node.name in links and not is_free:
                found[node] = None
            is_free = False
    return is_free
