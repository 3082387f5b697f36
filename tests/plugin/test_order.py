"""The order of plugins: needs first, wishes where they can be had, then by name."""

from __future__ import annotations

import itertools
from typing import TYPE_CHECKING

from hypothesis import given
from hypothesis import strategies as st

from changemaker_core.plugin.order import Edges, sort

if TYPE_CHECKING:
    import random

NAMES = st.sampled_from("abcdefg")
PLUGINS = st.dictionaries(
    NAMES,
    st.builds(
        Edges,
        requires=st.lists(NAMES, max_size=2, unique=True).map(tuple),
        after=st.lists(NAMES, max_size=3, unique=True).map(tuple),
    ),
)


def test_a_plugin_comes_after_what_it_requires_and_after_what_it_wishes() -> None:
    order = sort({"a": Edges(requires=("c",)), "b": Edges(after=("a",)), "c": Edges()})
    assert order.names == ("c", "a", "b")


def test_names_decide_where_nothing_else_does() -> None:
    assert sort({"b": Edges(), "c": Edges(), "a": Edges()}).names == ("a", "b", "c")


def test_a_wish_gives_way_to_a_need() -> None:
    order = sort({"a": Edges(after=("b",)), "b": Edges(requires=("a",))})
    assert order.names == ("a", "b")
    assert order.ignored == (("a", "b"),)
    assert not order.cycles


def test_a_circle_of_three_is_a_chain_in_the_order_of_needing() -> None:
    order = sort(
        {
            "a": Edges(requires=("b",)),
            "b": Edges(requires=("c",)),
            "c": Edges(requires=("a",)),
            "d": Edges(),
        }
    )
    assert order.cycles == (("a", "b", "c", "a"),)
    assert order.names == ("d",)


@given(PLUGINS, st.randoms())
def test_every_order_keeps_needs_and_wishes_and_is_the_same_again(
    plugins: dict[str, Edges], shuffler: random.Random
) -> None:
    order = sort(plugins)
    place = {name: index for index, name in enumerate(order.names)}
    in_cycles = {name for chain in order.cycles for name in chain}
    assert place.keys() | in_cycles == plugins.keys()
    assert not place.keys() & in_cycles
    for name in order.names:
        after = {a for a in plugins[name].after if (name, a) not in order.ignored}
        for other in (*plugins[name].requires, *after):
            assert other not in place or place[other] < place[name]
    shuffled = list(plugins.items())
    shuffler.shuffle(shuffled)
    assert sort(dict(shuffled)) == order


@given(PLUGINS)
def test_only_real_circles_are_reported(plugins: dict[str, Edges]) -> None:
    for chain in sort(plugins).cycles:
        for name, needed in itertools.pairwise(chain):
            assert needed in plugins[name].requires


@given(st.dictionaries(NAMES, st.lists(NAMES, max_size=3, unique=True).map(tuple)))
def test_wishes_alone_never_keep_a_plugin_out(wishes: dict[str, tuple[str, ...]]) -> None:
    order = sort({name: Edges(after=after) for name, after in wishes.items()})
    assert set(order.names) == set(wishes)
