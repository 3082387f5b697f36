"""A dashboard for Grafana: core's metrics by subject, then a row for each plugin that has some."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from changemaker_deploy.files import GeneratedFile

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    from changemaker_core import Metric
    from changemaker_deploy.monitoring.runbooks import Guides

#: What selects the series of the site that is chosen at the top of the dashboard.
_SITE: Final = 'job="changemaker", site=~"$site"'
_COLUMNS: Final = 24
_SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}


@dataclass(frozen=True, slots=True)
class Panel:
    """One panel: ``queries`` are pairs of a PromQL expression and a legend; ``section`` is that of
    the guide. Units are Grafana's."""

    title: str
    description: str
    unit: str
    queries: tuple[tuple[str, str], ...]
    section: str = ""
    kind: str = "timeseries"
    width: int = 8


@dataclass(frozen=True, slots=True)
class Row:
    """Panels about one subject."""

    title: str
    panels: tuple[Panel, ...]


def _quantile(quantile: float, by: str = "") -> str:
    buckets = f"http_request_duration_seconds_bucket{{{_SITE}}}[$__rate_interval]"
    return f"histogram_quantile({quantile}, sum by (le{by}) (rate({buckets})))"


def _highest(metric: str, by: str, matchers: str = "") -> str:
    """The highest value of all instances: metrics from the database are the same everywhere."""
    return f"max by ({by}) ({metric}{{{_SITE}{matchers}}})"


OVERVIEW: Final = Row(
    "Overview",
    (
        Panel(
            "Processes that respond",
            "1 for each process that Prometheus reached at its last scrape.",
            "short",
            ((f"min by (instance) (up{{{_SITE}}})", "{{instance}}"),),
            section="the-site-does-not-respond",
            kind="stat",
        ),
        Panel(
            "Health checks",
            "0 passes, 1 warns, 2 fails. The log of the process says why.",
            "short",
            ((_highest("cm_health_check_status", "check"), "{{check}}"),),
            section="a-health-check-fails-or-warns",
        ),
        Panel(
            "Time since the last backup",
            "Of this machine, by `changemaker backup`. Empty before the first one.",
            "s",
            ((f"time() - {_highest('cm_backup_timestamp_seconds', 'instance')}", "{{instance}}"),),
            section="there-is-no-recent-backup",
            kind="stat",
        ),
    ),
)

REQUESTS: Final = Row(
    "Requests",
    (
        Panel(
            "Requests",
            "Responses a second, by status.",
            "reqps",
            (
                (
                    f"sum by (status) (rate(http_request_total{{{_SITE}}}[$__rate_interval]))",
                    "{{status}}",
                ),
            ),
        ),
        Panel(
            "Failed requests",
            "The share of responses with a status of 500 or more.",
            "percentunit",
            (
                (
                    f'(sum(rate(http_request_total{{{_SITE}, status=~"5.."}}[$__rate_interval]))'
                    f" or vector(0)) / sum(rate(http_request_total{{{_SITE}}}[$__rate_interval]))",
                    "failed",
                ),
            ),
            section="requests-fail",
        ),
        Panel(
            "Time to respond",
            "Half of the requests, and 95 of 100, take no longer than this.",
            "s",
            ((_quantile(0.5), "half"), (_quantile(0.95), "95 %")),
            section="the-site-is-slow",
        ),
        Panel(
            "Slowest routes",
            "The ten routes with the longest time to respond (95 of 100 requests).",
            "s",
            ((f"topk(10, {_quantile(0.95, ', method, route')})", "{{method}} {{route}}"),),
            section="the-site-is-slow",
            width=16,
        ),
        Panel(
            "Open event streams",
            "Pages that wait for live updates.",
            "short",
            ((f"sum(cm_event_streams{{{_SITE}}})", "streams"),),
        ),
    ),
)

JOBS: Final = Row(
    "Jobs",
    (
        Panel(
            "Jobs that wait",
            "By queue. Mail is sent by jobs of the queue mail.",
            "short",
            ((_highest("cm_jobs", "queue", ', state="queued"'), "{{queue}}"),),
            section="jobs-wait-too-long",
        ),
        Panel(
            "How long the oldest job has waited",
            "By queue, beyond the time when it was to start.",
            "s",
            (
                (
                    "clamp_min(time() - min by (queue)"
                    f" (cm_job_oldest_timestamp_seconds{{{_SITE}}}), 0)",
                    "{{queue}}",
                ),
            ),
            section="jobs-wait-too-long",
        ),
        Panel(
            "Held queues",
            "1 for each queue that waits until an operator releases it.",
            "short",
            ((_highest("cm_queue_held", "queue"), "{{queue}}"),),
            section="a-queue-is-held",
            kind="stat",
        ),
        Panel(
            "Dead jobs",
            "Jobs that failed too often and are not tried again.",
            "short",
            ((_highest("cm_jobs", "queue", ', state="dead"'), "{{queue}}"),),
            section="jobs-are-dead",
        ),
        Panel(
            "Jobs with an unknown outcome",
            "They may have been done, so they are not repeated.",
            "short",
            ((_highest("cm_jobs", "queue", ', state="unknown"'), "{{queue}}"),),
            section="jobs-ended-with-an-unknown-outcome",
        ),
        Panel(
            "Jobs that run",
            "By queue.",
            "short",
            ((_highest("cm_jobs", "queue", ', state="running"'), "{{queue}}"),),
        ),
    ),
)

MACHINE: Final = Row(
    "Machine",
    (
        Panel(
            "Room on the disk",
            "Free bytes on the disk of the site's folder, and of an SQLite database elsewhere.",
            "bytes",
            (
                (
                    f"min by (instance, holds) (cm_disk_free_bytes{{{_SITE}}})",
                    "{{instance}} {{holds}}",
                ),
            ),
            section="the-disk-is-full",
            width=12,
        ),
    ),
)

REPLICAS: Final = Panel(
    "How far replicas are behind",
    "Seconds behind the primary. A replica that cannot be used has no value.",
    "s",
    ((_highest("cm_replica_lag_seconds", "replica"), "replica {{replica}}"),),
    section="a-replica-is-behind",
    width=12,
)


def dashboard(
    metrics: Mapping[str, Sequence[Metric]], guides: Guides, *, replicas: bool
) -> GeneratedFile:
    """Return ``changemaker-dashboard.json``, for Grafana's import and for provisioning.

    ``metrics`` are those of each plugin, core's own features among them. Those that have no panel
    yet get one in a row of the plugin.
    """
    machine = Row(MACHINE.title, (*MACHINE.panels, *((REPLICAS,) if replicas else ())))
    rows = [OVERVIEW, REQUESTS, JOBS, machine]
    shown = " ".join(query for row in rows for panel in row.panels for query, _ in panel.queries)
    for plugin, declared in metrics.items():
        if others := [metric for metric in declared if f"{metric.name}{{" not in shown]:
            rows.append(_of_plugin(plugin, others))
    text = json.dumps(_document(rows, guides), indent=2, ensure_ascii=False)
    return GeneratedFile("changemaker-dashboard.json", f"{text}\n")


def _of_plugin(name: str, metrics: Iterable[Metric]) -> Row:
    return Row(name.capitalize(), tuple(map(_of_metric, metrics)))


def _of_metric(metric: Metric) -> Panel:
    """A panel for a metric that this module does not know: its kind and name say how it is read."""
    by = ", ".join(metric.labels)
    legend = " ".join(f"{{{{{label}}}}}" for label in metric.labels) or metric.name
    title = _title(metric.name)
    if metric.kind == "counter":
        merged = "max" if metric.read else "sum"
        query = f"{merged} by ({by}) (increase({metric.name}{{{_SITE}}}[1h]))"
        return Panel(title, f"{metric.help}. In the last hour.", "short", ((query, legend),))
    if metric.name.endswith("_timestamp_seconds"):
        query = f"time() - {_highest(metric.name, by)}"
        return Panel(title, f"{metric.help}. Time since then.", "s", ((query, legend),))
    merged = "max" if metric.read else "sum"
    query = f"{merged} by ({by}) ({metric.name}{{{_SITE}}})"
    units = {"seconds": "s", "bytes": "bytes", "ratio": "percentunit"}
    unit = units.get(metric.name.rpartition("_")[2], "short")
    return Panel(title, f"{metric.help}.", unit, ((query, legend),))


def _title(name: str) -> str:
    """``cm_emails_sent_total`` is "Emails sent"."""
    words = name.removeprefix("cm_").removesuffix("_total").removesuffix("_timestamp_seconds")
    return words.replace("_", " ").capitalize()


def _document(rows: Sequence[Row], guides: Guides) -> dict[str, Any]:
    return {
        "uid": "changemaker",
        "title": "Changemaker",
        "description": "Generated by `changemaker deploy prometheus`.",
        "tags": ["changemaker"],
        "schemaVersion": 39,
        "editable": True,
        "graphTooltip": 1,
        "refresh": "30s",
        "time": {"from": "now-6h", "to": "now"},
        "timezone": "browser",
        "templating": {"list": list(_variables())},
        "panels": list(_laid_out(rows, guides)),
    }


def _variables() -> Iterator[dict[str, Any]]:
    yield {"name": "datasource", "label": "Prometheus", "type": "datasource", "query": "prometheus"}
    query = 'label_values(up{job="changemaker"}, site)'
    yield {
        "name": "site",
        "label": "Site",
        "type": "query",
        "datasource": _SOURCE,
        "query": {"query": query, "refId": "site"},
        "refresh": 2,
        "includeAll": True,
        "multi": True,
        "allValue": ".*",
        "current": {"text": "All", "value": "$__all"},
    }


def _laid_out(rows: Sequence[Row], guides: Guides) -> Iterator[dict[str, Any]]:
    """Yield the rows and their panels, from left to right and top to bottom."""
    number = top = 0
    for row in rows:
        number += 1
        place = {"x": 0, "y": top, "w": _COLUMNS, "h": 1}
        yield {"id": number, "type": "row", "title": row.title, "gridPos": place, "panels": []}
        left, top = 0, top + 1
        for panel in row.panels:
            if left + panel.width > _COLUMNS:
                left, top = 0, top + 8
            number += 1
            place = {"x": left, "y": top, "w": panel.width, "h": 8}
            yield {"id": number, "gridPos": place, **_panel(panel, guides)}
            left += panel.width
        top += 8


def _panel(panel: Panel, guides: Guides) -> dict[str, Any]:
    targets = [
        {"refId": chr(ord("A") + n), "datasource": _SOURCE, "expr": query, "legendFormat": legend}
        for n, (query, legend) in enumerate(panel.queries)
    ]
    made: dict[str, Any] = {
        "type": panel.kind,
        "title": panel.title,
        "description": panel.description,
        "datasource": _SOURCE,
        "fieldConfig": {"defaults": {"unit": panel.unit, "min": 0}, "overrides": []},
        "targets": targets,
    }
    if panel.section:
        link = guides.link(panel.section)
        if guides.url is None:
            made["description"] += f" What to do: {link}"
        else:
            made["links"] = [{"title": "What to do", "url": link, "targetBlank": True}]
    return made
