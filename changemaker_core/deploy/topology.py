"""Which processes serve a site, and which plugins each of them mounts."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

#: The upstream of every route that has no process of its own.
MAIN = "main"
DEFAULT_ADDRESS = "127.0.0.1:4000"
#: Where split-off processes listen if nobody says: 4100, 4200, …
_FIRST_PORT, _STEP = 4100, 100
_ADDRESS = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]):(\d{1,5})")
_PLUGINS = re.compile(r"[a-z][a-z0-9]*(?:,[a-z][a-z0-9]*)*")


class TopologyRefused(ValueError):
    """The processes as described cannot serve the site; the text says why."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """Processes that mount the same plugins. ``addresses`` are ``host:port``."""

    name: str
    addresses: tuple[str, ...]
    plugins: tuple[str, ...] = ()

    @property
    def port(self) -> int:
        """The port of its first address."""
        return int(self.addresses[0].rpartition(":")[2])

    @property
    def host(self) -> str:
        """The host of its first address, without the brackets of IPv6."""
        return self.addresses[0].rpartition(":")[0].strip("[]")


@dataclass(frozen=True, slots=True)
class Topology:
    """A main process for everything, but for what each of ``splits`` mounts."""

    main: Upstream
    splits: tuple[Upstream, ...] = ()

    @property
    def upstreams(self) -> tuple[Upstream, ...]:
        """All of them, the main one first."""
        return (self.main, *self.splits)

    @property
    def split_plugins(self) -> tuple[str, ...]:
        """What the main process does not mount."""
        return tuple(name for split in self.splits for name in split.plugins)

    def serves(self, plugin: str) -> Upstream:
        """Who mounts a plugin's routes."""
        return next((each for each in self.splits if plugin in each.plugins), self.main)

    def options(self, upstream: Upstream) -> list[str]:
        """What ``changemaker serve`` is told so that a process mounts what ``upstream`` does."""
        if upstream.plugins:
            return ["--only", ",".join(upstream.plugins)]
        return ["--except", ",".join(self.split_plugins)] if self.splits else []


def parse(addresses: Sequence[str], splits: Sequence[str], known: Collection[str]) -> Topology:
    """The topology that an operator described.

    ``addresses`` are those of the main process. Each of ``splits`` is ``PLUGIN[,PLUGIN…]``, or the
    same with ``=ADDRESS[,ADDRESS…]``. ``known`` are the plugins that have routes to mount. Raises
    ``TopologyRefused``.
    """
    main = Upstream(MAIN, _checked(addresses or [DEFAULT_ADDRESS]))
    parsed = [_split(text, number, main.host) for number, text in enumerate(splits)]
    _check_plugins([name for split in parsed for name in split.plugins], known)
    topology = Topology(main, tuple(parsed))
    _check_distinct(topology)
    return topology


def _split(text: str, number: int, host: str) -> Upstream:
    names, _, addresses = text.partition("=")
    if not _PLUGINS.fullmatch(names):
        raise TopologyRefused(f"{text!r} is not PLUGIN[,PLUGIN…][=HOST:PORT[,HOST:PORT…]].")
    default = f"{f'[{host}]' if ':' in host else host}:{_FIRST_PORT + number * _STEP}"
    plugins = tuple(names.split(","))
    return Upstream("_".join(plugins), _checked((addresses or default).split(",")), plugins)


def _checked(addresses: Sequence[str]) -> tuple[str, ...]:
    for address in addresses:
        found = _ADDRESS.fullmatch(address)
        if found is None or int(found[1]) not in range(1, 65536):
            raise TopologyRefused(f"{address!r} is not an address such as {DEFAULT_ADDRESS}.")
    return tuple(addresses)


def _check_plugins(names: Sequence[str], known: Collection[str]) -> None:
    for name in names:
        if name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            meant = f" Did you mean {near[0]}?" if near else ""
            raise TopologyRefused(f"No plugin {name!r} is loaded that could be split off.{meant}")
    doubled = sorted({name for name in names if names.count(name) > 1})
    if doubled:
        raise TopologyRefused(f"{doubled[0]} is split off twice.")


def _check_distinct(topology: Topology) -> None:
    addresses = [address for each in topology.upstreams for address in each.addresses]
    doubled = sorted({each for each in addresses if addresses.count(each) > 1})
    if doubled:
        raise TopologyRefused(f"Two processes cannot both listen on {doubled[0]}.")
