"""Containers for ``docker compose``: PostgreSQL, Valkey, web processes, a worker and nginx."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from changemaker_deploy.files import GeneratedFile, render
from changemaker_deploy.nginx import VirtualServer, nginx
from changemaker_deploy.topology import Topology, Upstream, stop_seconds

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from changemaker_core import PluginInfo
    from changemaker_deploy.locations import Location

PORT: Final = 4000
#: nginx's own address, which is the only trusted proxy.
SUBNET: Final = "172.31.233.0/24"
PROXY: Final = "172.31.233.2"
_CACHE: Final = "/var/cache/nginx/changemaker"


@dataclass(frozen=True, slots=True)
class Service:
    """One web service: its name, the arguments of its ``changemaker serve``, and its drain."""

    name: str
    arguments: tuple[str, ...]
    drain: int

    @property
    def stop_seconds(self) -> int:
        """The seconds that it gets to stop."""
        return stop_seconds(self.drain)


def container_topology(topology: Topology) -> Topology:
    """Return the same topology with each upstream at the address of its own container."""
    return Topology(_in_container(topology.main), tuple(map(_in_container, topology.splits)))


def compose(
    topology: Topology,
    locations: Sequence[Location],
    *,
    server_names: tuple[str, ...],
    packages: Iterable[str],
    processes: int,
    max_body: int,
    drain: int,
    metrics: bool = False,
) -> list[GeneratedFile]:
    """Return ``compose.yaml`` and every file that it builds from.

    ``topology`` comes from ``container_topology``. ``packages`` are the requirements that the image
    installs; ``processes`` is the number of web processes of each service; ``max_body`` is the
    site's own limit of a request's body, in bytes; ``drain`` is for how many seconds requests may
    go on at a stop, unless an upstream has its own. With ``metrics``, nginx passes on requests for
    metrics.
    """
    server = VirtualServer(server_names=server_names, listen=("80",), cache=_CACHE)
    services = [
        Service(
            _name(each),
            ("--workers", str(processes), *topology.serve_options(each)),
            drain if each.drain is None else each.drain,
        )
        for each in topology.upstreams
    ]
    text = render("compose.yaml.j2", services=services, port=PORT, subnet=SUBNET, proxy=PROXY)
    return [
        GeneratedFile("compose.yaml", text),
        GeneratedFile("Dockerfile", render("Dockerfile.j2", port=PORT)),
        GeneratedFile("requirements.txt", "".join(f"{each}\n" for each in packages)),
        *nginx(topology, locations, server, max_body=max_body, metrics=metrics),
    ]


def requirements_of(plugins: Iterable[PluginInfo]) -> list[str]:
    """Return the distributions of ``plugins``, core's included, pinned to their versions."""
    found = {(each.distribution, each.version) for each in plugins}
    return sorted(f"{_with_redis(name)}=={version}" for name, version in found if name and version)


def _with_redis(distribution: str) -> str:
    return f"{distribution}[redis]" if distribution == "changemaker-core" else distribution


def _in_container(upstream: Upstream) -> Upstream:
    return replace(upstream, addresses=(f"{_name(upstream)}:{PORT}",))


def _name(upstream: Upstream) -> str:
    return "-".join(("web", *upstream.plugins))
