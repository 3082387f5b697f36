"""The process groups that serve a site, and the plugins that each of them mounts."""

from __future__ import annotations

import difflib
import re
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

#: The upstream of every route whose plugin has no processes of its own.
MAIN = "main"
DEFAULT_ADDRESS = "127.0.0.1:4000"
#: Ports of split-off processes without an address: 4100, 4200, …
_FIRST_PORT, _PORT_STEP = 4100, 100
#: Seconds beyond those for requests in progress in which a process closes what it has open, and
#: those after which the system kills it all the same.
CLOSING_SECONDS, KILL_SECONDS = 2, 5
_ADDRESS = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:]+\]):(\d{1,5})")
_PLUGINS = re.compile(r"[a-z][a-z0-9]*(?:,[a-z][a-z0-9]*)*")


class InvalidTopology(ValueError):
    """The processes, as described by the operator, cannot serve the site; the text says why."""


@dataclass(frozen=True, slots=True)
class Upstream:
    """Processes that mount the same plugins. ``addresses`` are ``host:port``.

    ``drain`` is for how many seconds requests may go on at a stop; ``None``: the site's own.
    """

    name: str
    addresses: tuple[str, ...]
    plugins: tuple[str, ...] = ()
    drain: int | None = None

    @property
    def port(self) -> int:
        """The port of the first address."""
        return int(self.addresses[0].rpartition(":")[2])

    @property
    def host(self) -> str:
        """The host of the first address, without the brackets of IPv6."""
        return self.addresses[0].rpartition(":")[0].strip("[]")


@dataclass(frozen=True, slots=True)
class Topology:
    """The main processes, and those of each split, which mount the plugins that main does not."""

    main: Upstream
    splits: tuple[Upstream, ...] = ()

    @property
    def upstreams(self) -> tuple[Upstream, ...]:
        """Every upstream, the main one first."""
        return (self.main, *self.splits)

    def upstream_of(self, plugin: str) -> Upstream:
        """Return the upstream that mounts the routes of ``plugin``."""
        return next((each for each in self.splits if plugin in each.plugins), self.main)

    def serve_options(self, upstream: Upstream) -> list[str]:
        """Return the options of ``changemaker serve`` for ``upstream``: plugins, and its drain."""
        drain = [] if upstream.drain is None else ["--drain", str(upstream.drain)]
        if upstream.plugins:
            return ["--only", ",".join(upstream.plugins), *drain]
        split_off = [name for split in self.splits for name in split.plugins]
        return ["--except", ",".join(split_off), *drain] if split_off else drain

    def with_drains(self, drains: Sequence[str]) -> Topology:
        """Return this topology with ``SECONDS`` for main, ``PLUGIN=SECONDS`` for its processes.

        Raises ``InvalidTopology``.
        """
        main, splits = self.main, {each.name: each for each in self.splits}
        for text in drains:
            plugin, _, seconds = text.rpartition("=")
            if not re.fullmatch(r"[1-9]\d{0,5}", seconds):
                raise InvalidTopology(f"{text!r} is not [PLUGIN=]SECONDS.")
            if not plugin:
                main = replace(main, drain=int(seconds))
                continue
            upstream = self.upstream_of(plugin)
            if upstream is self.main:
                raise InvalidTopology(f"--drain {text}: {plugin} is not split off by --split.")
            splits[upstream.name] = replace(upstream, drain=int(seconds))
        return Topology(main, tuple(splits.values()))


def stop_seconds(drain: int) -> int:
    """Return after how many seconds a stopping service may be killed by the system."""
    return drain + CLOSING_SECONDS + KILL_SECONDS


def parse_topology(
    addresses: Sequence[str], splits: Sequence[str], known: Collection[str]
) -> Topology:
    """Return the topology that an operator described on the command line.

    ``addresses`` are those of the main processes. Each of ``splits`` is ``PLUGIN[,PLUGIN…]``, or
    the same with ``=ADDRESS[,ADDRESS…]``. ``known`` are the plugins that can be split off. Raises
    ``InvalidTopology``.
    """
    main = Upstream(MAIN, _checked(addresses or [DEFAULT_ADDRESS]))
    topology = Topology(main, tuple(_split(each, n, main.host) for n, each in enumerate(splits)))
    names = [name for split in topology.splits for name in split.plugins]
    for name in names:
        if name not in known:
            close = difflib.get_close_matches(name, known, n=1)
            hint = f" Did you mean {close[0]}?" if close else ""
            raise InvalidTopology(f"No loaded plugin {name!r} can be split off.{hint}")
    if repeated := _repeated(names):
        raise InvalidTopology(f"{repeated} is split off twice.")
    if repeated := _repeated([a for each in topology.upstreams for a in each.addresses]):
        raise InvalidTopology(f"Two processes cannot both listen on {repeated}.")
    return topology


def _split(text: str, number: int, host: str) -> Upstream:
    names, _, addresses = text.partition("=")
    if not _PLUGINS.fullmatch(names):
        raise InvalidTopology(f"{text!r} is not PLUGIN[,PLUGIN…][=HOST:PORT[,HOST:PORT…]].")
    default = f"{f'[{host}]' if ':' in host else host}:{_FIRST_PORT + number * _PORT_STEP}"
    plugins = tuple(names.split(","))
    return Upstream("_".join(plugins), _checked((addresses or default).split(",")), plugins)


def _checked(addresses: Sequence[str]) -> tuple[str, ...]:
    for address in addresses:
        found = _ADDRESS.fullmatch(address)
        if found is None or int(found[1]) not in range(1, 65536):
            raise InvalidTopology(f"{address!r} is not an address such as {DEFAULT_ADDRESS}.")
    return tuple(addresses)


def _repeated(items: Sequence[str]) -> str | None:
    return next((each for each in sorted(items) if items.count(each) > 1), None)
