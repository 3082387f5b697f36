"""Containers: PostgreSQL, Valkey, web processes, a worker and nginx, for ``docker compose``."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

from changemaker_core.deploy.files import GeneratedFile, render
from changemaker_core.deploy.nginx import Front, nginx
from changemaker_core.deploy.topology import Topology, Upstream

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from changemaker_core.deploy.rules import Rule
    from changemaker_core.plugin.loaded import LoadedPlugin

PORT: Final = 4000
#: nginx's own address, the only one whose word about visitors is believed.
SUBNET: Final = "172.31.233.0/24"
PROXY: Final = "172.31.233.2"
_CACHE: Final = "/var/cache/nginx/changemaker"


@dataclass(frozen=True, slots=True)
class Service:
    """One web service: its name, and the arguments of its ``changemaker serve``."""

    name: str
    arguments: tuple[str, ...]


def in_containers(topology: Topology) -> Topology:
    """The same division, each part reached under its service's name."""
    return Topology(_service_of(topology.main), tuple(map(_service_of, topology.splits)))


def compose(
    topology: Topology,
    rules: Sequence[Rule],
    *,
    server_names: tuple[str, ...],
    packages: Iterable[str],
    processes: int,
    max_body: int,
) -> list[GeneratedFile]:
    """``compose.yaml`` and all that it builds from. ``packages`` are what the image installs.

    ``topology`` is one of ``in_containers``; ``processes`` are web processes of each service.
    """
    front = Front(server_names=server_names, listen=("80",), cache=_CACHE)
    services = [
        Service(_name(each), ("--workers", str(processes), *topology.options(each)))
        for each in topology.upstreams
    ]
    text = render("compose.yaml.j2", services=services, port=PORT, subnet=SUBNET, proxy=PROXY)
    return [
        GeneratedFile("compose.yaml", text),
        GeneratedFile("Dockerfile", render("Dockerfile.j2")),
        GeneratedFile("requirements.txt", "".join(f"{each}\n" for each in packages)),
        *nginx(topology, rules, front, max_body=max_body),
    ]


def packages_of(plugins: Iterable[LoadedPlugin]) -> list[str]:
    """The distributions of plugins, core's among them, each with its exact version."""
    found = {(each.distribution, each.version) for each in plugins}
    return sorted(f"{_with_redis(name)}=={version}" for name, version in found if name and version)


def _with_redis(distribution: str) -> str:
    return f"{distribution}[redis]" if distribution == "changemaker-core" else distribution


def _service_of(upstream: Upstream) -> Upstream:
    return replace(upstream, addresses=(f"{_name(upstream)}:{PORT}",))


def _name(upstream: Upstream) -> str:
    return "-".join(("web", *upstream.plugins))
