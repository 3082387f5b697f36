"""The load order: the plugins that a plugin needs come before it."""

from __future__ import annotations

from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from itertools import pairwise
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping


@dataclass(frozen=True, slots=True)
class Edges:
    """The plugins that one comes after: ``requires`` always, ``after`` if possible."""

    requires: tuple[str, ...] = ()
    after: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Order:
    """The result of :func:`sort`.

    ``names``: in load order, without the members of cycles. ``ignored``: the (plugin, after)
    edges that were ignored. ``cycles``: chains such as ``("a", "b", "a")``, in which each
    one requires the next.
    """

    names: tuple[str, ...]
    ignored: tuple[tuple[str, str], ...] = ()
    cycles: tuple[tuple[str, ...], ...] = ()


def sort(plugins: Mapping[str, Edges]) -> Order:
    """Sort by ``requires``, then ``after``, then name. Names that are absent are left out.

    The same plugins give the same order, whatever order they are passed in.
    """
    hard = {name: _present(plugins[name].requires, plugins) for name in sorted(plugins)}
    soft = {name: _present(plugins[name].after, plugins) - hard[name] for name in hard}
    ignored: list[tuple[str, str]] = []
    cycles: list[tuple[str, ...]] = []
    while chain := _cycle({name: hard[name] | soft[name] for name in hard}):
        soft_edges = [(a, b) for a, b in pairwise(chain) if b in soft[a]]
        if soft_edges:
            plugin, other = max(soft_edges)
            soft[plugin] = soft[plugin] - {other}
            ignored.append((plugin, other))
        else:
            cycles.append(chain)
            hard, soft = _without(chain, hard), _without(chain, soft)
    names = _batches({name: hard[name] | soft[name] for name in hard})
    return Order(names, tuple(ignored), tuple(cycles))


def _present(wanted: Iterable[str], plugins: Iterable[str]) -> frozenset[str]:
    return frozenset(wanted) & frozenset(plugins)


def _without(
    names: Iterable[str], edges: Mapping[str, frozenset[str]]
) -> dict[str, frozenset[str]]:
    gone = frozenset(names)
    return {name: targets - gone for name, targets in edges.items() if name not in gone}


def _sorter(edges: Mapping[str, frozenset[str]]) -> TopologicalSorter[str]:
    # NOTE(deterministic): graphlib walks in insertion order, and sets of text have none of theirs.
    sorter: TopologicalSorter[str] = TopologicalSorter()
    for name in sorted(edges):
        sorter.add(name, *sorted(edges[name]))
    return sorter


def _cycle(edges: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    """Return a chain in which each comes after the next, first and last equal; or ``()``."""
    try:
        _sorter(edges).prepare()
    except CycleError as error:
        # graphlib returns the chain the other way round: each one comes before the next.
        return _from_least(tuple(reversed(error.args[1])))
    return ()


def _from_least(chain: tuple[str, ...]) -> tuple[str, ...]:
    ring = chain[:-1]
    start = ring.index(min(ring))
    return (*ring[start:], *ring[:start], ring[start])


def _batches(edges: Mapping[str, frozenset[str]]) -> tuple[str, ...]:
    sorter = _sorter(edges)
    sorter.prepare()
    names: list[str] = []
    while sorter.is_active():
        ready = sorted(sorter.get_ready())
        sorter.done(*ready)
        names += ready
    return tuple(names)
