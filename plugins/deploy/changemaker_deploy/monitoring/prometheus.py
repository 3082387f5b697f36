"""Prometheus: which processes to scrape, and rules that raise alerts from a site's metrics."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_deploy.files import GeneratedFile, render

if TYPE_CHECKING:
    from collections.abc import Collection

    from changemaker_deploy.monitoring.runbooks import Guides
    from changemaker_deploy.topology import Topology


def prometheus(
    topology: Topology,
    guides: Guides,
    *,
    site: str,
    metrics: Collection[str] = (),
    replicas: bool = False,
    token: bool = False,
) -> list[GeneratedFile]:
    """Return ``changemaker-scrape.yml`` and ``changemaker-rules.yml``.

    ``site`` is the host name that labels the metrics. One process of each host is scraped: the
    processes of a host merge their metrics. ``metrics`` are the names of those that plugins
    declare; rules about others are left out. ``token``: the metrics are read with a token.
    """
    targets: dict[str, str] = {}
    for upstream in topology.upstreams:
        for address in upstream.addresses:
            targets.setdefault(address.rpartition(":")[0], address)
    scrape = render(
        "prometheus-scrape.yml.j2", targets=list(targets.values()), site=site, token=token
    )
    rules = render(
        "prometheus-rules.yml.j2",
        marks=("<<", ">>"),  # `{{` is Prometheus's own
        guide=guides.link,
        metrics=metrics,
        replicas=replicas,
    )
    return [
        GeneratedFile("changemaker-scrape.yml", scrape),
        GeneratedFile("changemaker-rules.yml", rules),
    ]
