"""The generated Prometheus files: their structure, and rules about metrics that a site has."""

from __future__ import annotations

import json
import re

import promql_parser
import pytest
import yaml

from changemaker_deploy.monitoring.prometheus import prometheus
from changemaker_deploy.monitoring.runbooks import Guides
from changemaker_deploy.topology import Topology, Upstream


@pytest.fixture
def rules(generated):
    file = generated("prometheus")["changemaker-rules.yml"]
    (group,) = yaml.safe_load(file.read_text())["groups"]
    return group["rules"]


def test_the_process_of_this_site_is_scraped(generated):
    files = generated("prometheus", "--split", "petitions")
    (job,) = yaml.safe_load(files["changemaker-scrape.yml"].read_text())["scrape_configs"]
    assert (job["job_name"], job["metrics_path"]) == ("changemaker", "/api/metrics")
    assert job["static_configs"] == [
        {"targets": ["127.0.0.1:4000"], "labels": {"site": "127.0.0.1"}}
    ]


def test_with_a_token_prometheus_reads_it_from_a_file():
    topology = Topology(Upstream("main", ("10.0.0.7:4000",)))
    scrape, _ = prometheus(topology, Guides(), site="site.example", token=True)
    (job,) = yaml.safe_load(scrape.text)["scrape_configs"]
    assert job["authorization"] == {"credentials_file": "/etc/prometheus/changemaker-metrics-token"}


def test_one_process_of_each_host_is_scraped():
    main = Upstream("main", ("10.0.0.7:4000", "10.0.0.8:4000", "10.0.0.7:4001"))
    split = Upstream("media", ("10.0.0.8:4100", "[::1]:4100"), ("media",))
    scrape, _ = prometheus(Topology(main, (split,)), Guides(), site="site.example")
    (job,) = yaml.safe_load(scrape.text)["scrape_configs"]
    (static,) = job["static_configs"]
    assert static["targets"] == ["10.0.0.7:4000", "10.0.0.8:4000", "[::1]:4100"]


def test_rules_have_everything_that_prometheus_requires(rules):
    names = [rule["alert"] for rule in rules]
    assert len(set(names)) == len(names) == 12
    for rule in rules:
        assert set(rule) <= {"alert", "expr", "for", "labels", "annotations"}
        assert rule["labels"]["severity"] in ("critical", "warning")
        assert re.fullmatch(r"\d+m", rule.get("for", "0m"))
        assert set(rule["annotations"]) <= {"summary", "description", "runbook_url"}
        assert promql_parser.parse(rule["expr"]) is not None


def test_annotations_use_labels_that_their_expressions_keep(rules):
    for rule in rules:
        kept = {"site", "instance"} if rule["alert"] == "ChangemakerDown" else set()
        for labels in re.findall(r"by \(([^)]*)\)", rule["expr"]):
            kept |= set(labels.split(", "))
        used = re.findall(r"\$labels\.(\w+)", " ".join(rule["annotations"].values()))
        assert set(used) <= kept, rule["alert"]


def test_a_plugins_metrics_have_panels_of_their_own(generated):
    board = json.loads(generated("prometheus")["changemaker-dashboard.json"].read_text())
    rows = [panel["title"] for panel in board["panels"] if panel["type"] == "row"]
    assert rows == ["Overview", "Requests", "Jobs", "Machine", "Webhooks", "Petitions"]
    panel = board["panels"][-1]
    assert panel["title"] == "Petitions signed"
    assert panel["description"] == "Signatures. In the last hour."
    (target,) = panel["targets"]
    assert target["expr"].startswith("max by (language) (increase(cm_petitions_signed_total{")
    assert target["legendFormat"] == "{{language}}"
