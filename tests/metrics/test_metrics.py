"""Counting in one process, and what a scrape returns."""

from __future__ import annotations

import threading

import pytest
from prometheus_client.parser import text_string_to_metric_families

from changemaker_core import Metric, Plugin, Route, Sample, endpoint, hookimpl


def read_letters():
    return [Sample(3, {"status": "sent"}), Sample(1, {"status": "failed"})]


class CountsPlugin(Plugin):
    name = "counts"

    @hookimpl
    def cm_register_metrics(self):
        return [
            Metric("cm_calls_total", "Calls made", labels=("kind",)),
            Metric("cm_visits_total", "Visits"),
            Metric("cm_open", "Open things", kind="gauge"),
            Metric("cm_letters_total", "Letters", labels=("status",), read=read_letters),
        ]


@pytest.fixture
def site(make_site):
    return make_site(CountsPlugin)


@pytest.fixture
def scrape():
    async def run(site):
        text = (await site.metrics.exposition()).decode()
        return {
            (sample.name, tuple(sorted(sample.labels.items()))): sample.value
            for family in text_string_to_metric_families(text)
            for sample in family.samples
        }

    return run


async def test_counters_gauges_and_metrics_of_the_database(site, scrape):
    calls = site.metrics.counter("cm_calls_total")
    calls.inc(kind="call")
    calls.inc(2, kind="call")
    site.metrics.gauge("cm_open").set(7)
    values = await scrape(site)
    assert values["cm_calls_total", (("kind", "call"),)] == 3
    assert values["cm_open", ()] == 7
    assert values["cm_visits_total", ()] == 0
    assert values["cm_letters_total", (("status", "sent"),)] == 3
    assert values["cm_letters_total", (("status", "failed"),)] == 1


async def test_requests_and_their_duration(site, scrape):
    for seconds in (0.0004, 0.003, 70.0):
        site.metrics.observe_request("GET", "/api/x", 200, seconds)
    site.metrics.observe_request("GET", "/api/x", 404, 0.003)
    values = await scrape(site)
    route = (("method", "GET"), ("route", "/api/x"))
    assert values["http_request_total", (*route, ("status", "200"))] == 3
    assert values["http_request_total", (*route, ("status", "404"))] == 1
    buckets = {
        dict(labels)["le"]: value
        for (name, labels), value in values.items()
        if name == "http_request_duration_seconds_bucket"
    }
    assert (buckets["0.001"], buckets["0.005"], buckets["10.0"], buckets["+Inf"]) == (1, 3, 3, 4)
    assert values["http_request_duration_seconds_count", route] == 4
    assert values["http_request_duration_seconds_sum", route] == pytest.approx(70.0064)


@pytest.mark.parametrize("name", ["cm_nothing_total", "cm_letters_total", "cm_open"])
def test_only_declared_counters_are_counted(site, name):
    with pytest.raises(LookupError):
        site.metrics.counter(name)


def test_a_misspelt_counter_is_told_the_name_that_was_meant(site):
    with pytest.raises(LookupError, match=r"Did you mean 'cm_visits_total'\?"):
        site.metrics.counter("cm_visit_total")


def test_a_resource_has_its_counter_from_the_start(make_site):
    class Visits:
        def __init__(self, site):
            self.counter = site.metrics.counter("cm_visits_total")

        @endpoint(public=True)
        async def on_get(self, req, resp):
            self.counter.inc()

    class VisitedPlugin(CountsPlugin):
        @hookimpl
        def cm_register_routes(self, site):
            return [Route("/visits", Visits(site))]

    assert "/visits" in {route.path for route in make_site(VisitedPlugin).routes()}


def test_labels_are_the_declared_ones_and_counters_only_go_up(site):
    counter = site.metrics.counter("cm_calls_total")
    with pytest.raises(ValueError, match="labels"):
        counter.inc()
    with pytest.raises(ValueError, match="can only increase"):
        counter.inc(-1, kind="call")


async def test_threads_lose_nothing(site, scrape):
    counter = site.metrics.counter("cm_visits_total")
    threads = [
        threading.Thread(target=lambda: [counter.inc() for _ in range(500)]) for _ in range(8)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (await scrape(site))["cm_visits_total", ()] == 4_000


async def test_a_restart_loses_nothing(make_site, scrape):
    for expected in (1, 2, 3):
        site = make_site(CountsPlugin)
        site.metrics.counter("cm_visits_total").inc()
        assert (await scrape(site))["cm_visits_total", ()] == expected
        site.close()


def test_the_name_of_a_counter_ends_in_total(make_site):
    class WrongPlugin(Plugin):
        name = "wrong"

        @hookimpl
        def cm_register_metrics(self):
            return [Metric("cm_things", "Things")]

    with pytest.raises(ValueError, match="_total"):
        _ = make_site(WrongPlugin).metrics


def test_nothing_is_started_before_something_is_counted(site):
    before = threading.active_count()
    _ = site.metrics
    assert threading.active_count() == before
    assert not (site.config.site_dir / "run" / "metrics").exists()


def read_of_no_table():
    raise LookupError("no such table")


class FailsPlugin(Plugin):
    name = "fails"

    @hookimpl
    def cm_register_metrics(self):
        return [Metric("cm_lost", "Not to be had", kind="gauge", read=read_of_no_table)]


async def test_a_metric_that_cannot_be_read_hides_no_others(make_site, scrape, caplog):
    values = await scrape(make_site(CountsPlugin, FailsPlugin))
    assert values["cm_letters_total", (("status", "sent"),)] == 3
    assert not any(name == "cm_lost" for name, _ in values)
    assert "cm_lost" in {getattr(record, "metric", None) for record in caplog.records}
