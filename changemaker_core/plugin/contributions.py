"""Contributions of plugins: their kinds, the names that they claim, and conflicts."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from changemaker_core.plugin.callables import call_problem
from changemaker_core.plugin.errors import PluginConflict, PluginInvalid
from changemaker_core.plugin.places import located, place_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from changemaker_core.plugin.errors import PluginError
    from changemaker_core.plugin.loaded import LoadedPlugin

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Claim:
    """A name that belongs to one plugin of a site: a table, a path, a job.

    ``kind`` is what messages call it, ``name`` as the plugin writes it. ``key`` decides whether
    two names are the same; it is the name where it is not given. ``prefix`` is what the name must
    begin with. ``by`` is what makes the claim, such as the class of a resource. Several plugins may
    make a claim with ``place`` (where the name is written) if they write the name the same.
    """

    kind: str
    name: str
    key: str = ""
    prefix: str = ""
    place: str = ""
    by: str = ""


@dataclass(frozen=True, slots=True, eq=False)
class Kind(Generic[T]):
    """A kind of contribution: the hook that returns a list of it, and what is checked at boot.

    ``claims(item, plugin)`` are the names that an item claims for the plugin of that name.
    ``problems(item)`` are what is wrong with an item by itself, each with its fix.
    ``calls`` say how the functions of an item are called: ``("await check(site)",)``. One that
    cannot be called so is reported.
    ``brings`` maps classes of core's kinds to functions: ``{Route: routes_of}`` says that each item
    brings the routes ``routes_of(item)``, as if its plugin contributed them itself.
    ``permissions(item)`` are those that an item requires, ``links(item)`` the paths that it leads
    to: one that no plugin registers, and one that no route serves, are reported.
    A plugin that offers a hook may declare its kind in ``hookspecs.py``, and its items are checked
    in the same way.
    """

    hook: str
    item: type[T]
    claims: Callable[[T, str], Iterable[Claim]] = lambda _item, _plugin: ()
    problems: Callable[[T], Iterable[tuple[str, str]]] = lambda _item: ()
    calls: tuple[str, ...] = ()
    brings: Mapping[type, Callable[[T], Iterable[Any]]] = field(default_factory=dict)
    permissions: Callable[[T], Iterable[str]] = lambda _item: ()
    links: Callable[[T], Iterable[str]] = lambda _item: ()

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
    #: The implementation of the hook that returned it.
    made_by: Callable[..., Any] | None = None

    @property
    def place(self) -> str:
        """Where its class is written, or it is made; for messages, since it reads the source."""
        own = place_of(self.item) if isinstance(self.item, type) else ""
        return own or (place_of(self.made_by) if self.made_by else "")


def problems_of(kind: Kind[T], contributions: Iterable[Contribution[T]]) -> list[PluginError]:
    """Return what is wrong with contributions of a kind: items, names, and conflicts.

    Conflicts between contributions are decided here; those between the plugins' own names before
    import, in ``discovery``.
    """
    problems: list[PluginError] = []
    holders: dict[tuple[str, str], _Held[T]] = {}
    for contribution in contributions:
        item, plugin = contribution.item, contribution.plugin
        found = (
            list(kind.problems(item))
            or list(filter(None, (call_problem(item, call) for call in kind.calls)))
            or _wrong_prefixes(kind, contribution)
        )
        for problem, fix in found:
            problem = located(problem, contribution.place)
            problems.append(plugin.error(PluginInvalid, problem, fix))
        for claim in () if found else kind.claims(item, plugin.name):
            key = (claim.kind, claim.key or claim.name)
            held = holders.setdefault(key, _Held(claim, contribution))
            if held.claim is not claim and not (claim.place and held.claim.name == claim.name):
                problems.append(_conflict(held, _Held(claim, contribution)))
                break
    return problems


@dataclass(frozen=True, slots=True)
class _Held(Generic[T]):
    """A name, and the contribution that claims it."""

    claim: Claim
    contribution: Contribution[T]

    @property
    def plugin(self) -> LoadedPlugin:
        return self.contribution.plugin

    @property
    def fits(self) -> bool:
        """Whether a step of the name is the plugin's: ``/api/parks/{id}`` for parks."""
        return self.plugin.name in re.split(r"[^a-z0-9]+", self.claim.name.lower())

    def __str__(self) -> str:
        by = f" of {self.claim.by}" if self.claim.by else ""
        return f"the {self.claim.kind} {self.claim.name!r}{by}"


def _wrong_prefixes(kind: Kind[T], contribution: Contribution[T]) -> list[tuple[str, str]]:
    """Return the names that do not begin with the plugin's: they claim nothing from others."""
    return [
        (
            f"The {claim.kind} {claim.name!r} does not begin with {claim.prefix!r}.",
            f"Call it {claim.prefix}…, so that its name shows which plugin it belongs to.",
        )
        for claim in kind.claims(contribution.item, contribution.plugin.name)
        if not claim.name.startswith(claim.prefix)
    ]


def _conflict(first: _Held[T], second: _Held[T]) -> PluginError:
    """Return the error of the plugin whose name the claim does not contain; else the second's."""
    if first.plugin is not second.plugin and second.fits and not first.fits:
        first, second = second, first
    claim, plugin, place = second.claim, second.plugin, second.contribution.place
    held, holder = first.claim, first.plugin
    if claim.place:
        problem = (
            f"The {claim.kind} {claim.name!r} of {claim.place!r} must have the name {held.name!r}, "
            f"which it has in {held.place!r} of {holder}."
        )
        fix = f"Write {held.name!r} in both; item parameters are named {{id}} or {{slug}}."
        return plugin.error(PluginConflict, located(problem, place), fix, (holder.name,))
    as_written = "" if held.name == claim.name else f", as {held.name!r}"
    if holder is plugin:
        problem = f"It registers {second} twice{as_written}."
        return plugin.error(
            PluginConflict, located(problem, place), "Remove one of them.", (plugin.name,)
        )
    by = f", by {held.by}" if held.by else ""
    problem = f"{_capital(str(second))} already belongs to {holder}{as_written}{by}."
    fix = (
        f"Leave one of the two out with plugins.deny, or ask its author to change the {claim.kind}"
        f" so that it contains {plugin.name!r}."
    )
    return plugin.error(PluginConflict, located(problem, place), fix, (holder.name,))


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]
