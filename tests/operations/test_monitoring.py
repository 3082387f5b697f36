"""What ``changemaker deploy prometheus`` writes, held to the metrics of a site with influence."""

from __future__ import annotations

import json
import re
from pathlib import Path

import promql_parser
import pytest
import yaml
from prometheus_client.parser import text_string_to_metric_families

from changemaker_core.db.postgresql.replicas import ReplicaState
from changemaker_core.features.operations import machine
from changemaker_core.testing.fixtures.site import client_of
from changemaker_deploy.monitoring import dashboard
from changemaker_deploy.monitoring.prometheus import prometheus
from changemaker_deploy.monitoring.runbooks import PAGE, Guides
from changemaker_deploy.topology import Topology, Upstream
from changemaker_influence.plugin import InfluencePlugin

GUIDES = Path(__file__).parents[2] / "docs" / "guides"
#: Labels that Prometheus adds, by our scrape configuration or by itself.
OF_PROMETHEUS = {"job", "instance", "site"}
REPLICAS = [ReplicaState(1, "db-2", lag=2.5), ReplicaState(2, "db-3", "it does not respond")]


@pytest.fixture
async def exposed(open_app, monkeypatch):
    """The site, and the labels of each metric that Prometheus reads from it, by name."""
    config = {"plugin_tables": {"influence": {"directory": "file"}}}
    async with open_app(InfluencePlugin, **config) as app, client_of(app) as client:
        site = app.site
        (site.config.site_dir / "run").mkdir(exist_ok=True)
        (site.config.site_dir / "run" / machine.LAST_BACKUP).touch()
        monkeypatch.setattr(machine, "replica_states", lambda site: REPLICAS)
        site.metrics.gauge("cm_event_streams").set(1)
        await client.get("/api/health")
        text = (await client.get("/api/metrics")).text
    labels = {"up": set()}
    for family in text_string_to_metric_families(text):
        labels.setdefault(family.name, set())
        for sample in family.samples:
            labels.setdefault(sample.name, set()).update(sample.labels)
    for each in site.metrics.declared.values():
        for metric in each:
            labels.setdefault(metric.name, set()).update(metric.labels)
    yield site, labels


def generated(site, guides):
    """The alert rules, and the panels that have queries."""
    metrics = site.metrics.declared
    names = {metric.name for each in metrics.values() for metric in each}
    topology = Topology(Upstream("main", ("127.0.0.1:4000",)))
    _, rules = prometheus(topology, guides, site="a.example", metrics=names, replicas=True)
    (group,) = yaml.safe_load(rules.text)["groups"]
    board = json.loads(dashboard.dashboard(metrics, guides, replicas=True).text)
    return group["rules"], [panel for panel in board["panels"] if panel["type"] != "row"]


def selectors(expression):
    """Each metric of an expression, with the labels that its own aggregations and matchers name."""
    found = []

    def visit(node, by):
        if isinstance(node, promql_parser.AggregateExpr):
            by = by | set(node.modifier.labels if node.modifier else ())
        if isinstance(node, promql_parser.VectorSelector):
            matched = {matcher.name for matcher in node.matchers.matchers}
            found.append((node.name, matched | by))
        for name in ("expr", "lhs", "rhs", "vector_selector", "args"):
            inner = getattr(node, name, None)
            for each in inner if isinstance(inner, list) else [inner] if inner else []:
                visit(each, by)

    visit(promql_parser.parse(expression.replace("$__rate_interval", "5m")), set())
    return found


async def test_rules_and_panels_name_metrics_and_labels_that_exist(exposed):
    site, labels = exposed
    rules, panels = generated(site, Guides())
    expressions = [rule["expr"] for rule in rules]
    expressions += [target["expr"] for panel in panels for target in panel["targets"]]
    used = set()
    for expression in expressions:
        for name, named in selectors(expression):
            assert name in labels, expression
            assert named <= labels[name] | OF_PROMETHEUS, expression
            used.add(name)
    declared = {metric.name for each in site.metrics.declared.values() for metric in each}
    assert declared <= used  # none is left out
    assert {"cm_job_oldest_timestamp_seconds", "cm_backup_timestamp_seconds"} <= used


async def test_panels_say_what_they_show_and_lead_to_sections_of_the_guide(exposed):
    site, _ = exposed
    page = (GUIDES / f"{PAGE}.md").read_text()
    headings = re.findall(r"^## (.+)$", page, re.MULTILINE)
    sections = {heading.lower().replace(" ", "-") for heading in headings}
    rules, panels = generated(site, Guides("https://docs.example.org/guides/"))
    address = f"https://docs.example.org/guides/{PAGE}/#"
    links = [rule["annotations"]["runbook_url"] for rule in rules]
    links += [link["url"] for panel in panels for link in panel.get("links", ())]
    assert {link.removeprefix(address) for link in links} <= sections
    for panel in panels:
        assert panel["title"] and panel["description"].endswith(".")
        assert panel["fieldConfig"]["defaults"]["unit"]
        place = panel["gridPos"]
        assert place["x"] + place["w"] <= 24
    places = {(panel["gridPos"]["x"], panel["gridPos"]["y"]) for panel in panels}
    assert len(places) == len(panels)
    unpublished, _ = generated(site, Guides())
    assert unpublished[0]["annotations"]["runbook_url"].startswith("docs/guides/")


async def test_what_cannot_be_measured_has_no_value(open_app, monkeypatch):
    async with open_app() as app:
        site = app.site
        monkeypatch.setattr(machine, "replica_states", lambda site: REPLICAS)
        families = {family.name: family for family in await machine.machine_metrics(site)}
    assert [s.value > 0 for s in families["cm_disk_free_bytes"].samples] == [True]
    assert "cm_backup_timestamp_seconds" not in families  # there was none yet
    lags = families["cm_replica_lag_seconds"].samples
    assert [(s.labels["replica"], s.value) for s in lags] == [("1", 2.5)]
