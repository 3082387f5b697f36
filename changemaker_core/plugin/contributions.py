"""Contributions of plugins: their kinds, the names that they claim, and conflicts."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from changemaker_core.plugin.errors import PluginConflict, PluginInvalid

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from changemaker_core.plugin.errors import PluginError
    from changemaker_core.plugin.loaded import LoadedPlugin

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Claim:
    """A name that belongs to one plugin of a site: a table, a path, a job.

    ``kind`` is what messages call it, ``name`` as the plugin writes it. ``key`` decides whether
    two names are the same; it is the name where it is not given. ``prefix`` is what the name must
    begin with. Several plugins may make a claim with ``place`` (where the name is written) if
    they write the name the same.
    """

    kind: str
    name: str
    key: str = ""
    prefix: str = ""
    place: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Kind(Generic[T]):
    """A kind of contribution: the hook that returns a list of it, and what is checked at boot.

    ``claims(item, plugin)`` are the names that an item claims for the plugin of that name.
    ``problems(item)`` are what is wrong with an item by itself, each with its fix.
    A plugin that offers a hook may declare its kind in ``hookspecs.py``, and its items are checked
    in the same way.
    """

    hook: str
    item: type[T]
    claims: Callable[[T, str], Iterable[Claim]] = lambda _item, _plugin: ()
    problems: Callable[[T], Iterable[tuple[str, str]]] = lambda _item: ()

    def __post_init__(self) -> None:
        if not isinstance(self.item, type):
            raise TypeError(f"the items of {self.hook} are {self.item!r}, which is not a class")

    @property
    def name(self) -> str:
        """``routes`` for ``cm_register_routes``."""
        return self.hook.rpartition("register_")[2]


def named(kind: str, separator: str = "") -> Callable[[Any, str], Iterable[Claim]]:
    """Return a ``claims`` function for items that have a ``name``.

    With a separator the name begins with the plugin's: ``hello.greet`` is a job of ``hello``.
    """

    def claims(item: Any, plugin: str) -> Iterable[Claim]:
        yield Claim(kind, item.name, prefix=f"{plugin}{separator}" if separator else "")

    return claims


@dataclass(frozen=True, slots=True)
class Contribution(Generic[T]):
    """An item that a plugin contributes, with the plugin."""

    item: T
    plugin: LoadedPlugin


def problems_of(kind: Kind[T], contributions: Iterable[Contribution[T]]) -> list[PluginError]:
    """Return what is wrong with contributions of a kind: items, names, and conflicts.

    Conflicts between contributions are decided here; those between the plugins' own names before
    import, in ``discovery``.
    """
    problems: list[PluginError] = []
    holders: dict[tuple[str, str], tuple[Claim, LoadedPlugin]] = {}
    for contribution in contributions:
        item, plugin = contribution.item, contribution.plugin
        if found := [plugin.error(PluginInvalid, *each) for each in kind.problems(item)]:
            problems += found
            continue
        for claim in kind.claims(item, plugin.name):
            if not claim.name.startswith(claim.prefix):
                problem = f"The {claim.kind} {claim.name!r} does not begin with {claim.prefix!r}."
                fix = f"Call it {claim.prefix}…, so that its name shows which plugin it belongs to."
                problems.append(plugin.error(PluginInvalid, problem, fix))
            key = (claim.kind, claim.key or claim.name)
            held, holder = holders.setdefault(key, (claim, plugin))
            if held is not claim and not (claim.place and held.name == claim.name):
                problems.append(_conflict(claim, plugin, held, holder))
                break
    return problems


def _conflict(claim: Claim, plugin: LoadedPlugin, held: Claim, holder: LoadedPlugin) -> PluginError:
    if claim.place:
        problem = (
            f"The {claim.kind} {claim.name!r} of {claim.place!r} must have the name {held.name!r}, "
            f"which it has in {held.place!r} of {holder}."
        )
        fix = f"Write {held.name!r} in both; item parameters are named {{id}} or {{slug}}."
        return plugin.error(PluginConflict, problem, fix, (holder.name,))
    as_written = "" if held.name == claim.name else f" (as {held.name!r})"
    if holder is plugin:
        problem = f"It registers the {claim.kind} {claim.name!r} twice{as_written}."
        return plugin.error(PluginConflict, problem, "Remove one of them.", (plugin.name,))
    problem = f"The {claim.kind} {claim.name!r} already belongs to {holder}{as_written}."
    fix = (
        f"Leave one of the two out with plugins.deny, or ask its author to change the {claim.kind}."
    )
    return plugin.error(PluginConflict, problem, fix, (holder.name,))
