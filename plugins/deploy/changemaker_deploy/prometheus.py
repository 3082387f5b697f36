"""Prometheus: which processes to scrape, and rules that raise alerts from a site's metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_deploy.files import GeneratedFile, render

if TYPE_CHECKING:
    from changemaker_deploy.topology import Topology


def prometheus(topology: Topology, *, site: str) -> list[GeneratedFile]:
    """Return ``changemaker-scrape.yml`` and ``changemaker-rules.yml``.

    ``site`` is the host name that labels the metrics. One process of each host is scraped: the
    processes of a host merge their metrics.
    """
    targets: dict[str, str] = {}
    for upstream in topology.upstreams:
        for address in upstream.addresses:
            targets.setdefault(address.rpartition(":")[0], address)
    scrape = render("prometheus-scrape.yml.j2", targets=list(targets.values()), site=site)
    return [
        GeneratedFile("changemaker-scrape.yml", scrape),
        GeneratedFile("changemaker-rules.yml", render("prometheus-rules.yml.j2")),
    ]
