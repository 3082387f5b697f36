"""The commands that must work while plugins are broken, run as an operator runs them."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.plugin.conftest import Shelf

SECRET = "q8Fh2kLm5Tz9Xw1Rv7Bn3Cy6Dp4Gs0JaEu"
ROUTE = """
@hookimpl
def cm_register_routes(self):
    from changemaker_core import endpoint

    class Bench:
        @endpoint(public=True)
        async def on_get(self, req, resp):
            return []

    return [Route('/{}', Bench())]
"""


def run(shelf: Shelf, *arguments: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """``changemaker ARGUMENTS`` in the site's folder, with the shelf's distributions installed."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("CHANGEMAKER_")}
    variables = {f"CHANGEMAKER_{name}": value for name, value in environ.items()}
    return subprocess.run(
        [sys.executable, "-c", "from changemaker_core.cli import main; main()", *arguments],
        cwd=shelf.site,
        env={
            **clean,
            "CHANGEMAKER_SECRET_KEY": SECRET,
            "PYTHONPATH": str(shelf.folder),
            **variables,
        },
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def as_json(finished: subprocess.CompletedProcess[str]) -> Any:
    assert "Traceback" not in finished.stderr, finished.stderr
    return json.loads(finished.stdout)


def findings(finished: subprocess.CompletedProcess[str], name: str) -> list[tuple[str, str]]:
    """The status and detail of the checks of this name."""
    return [(f["status"], f["detail"]) for f in as_json(finished) if f["name"] == name]


@pytest.fixture
def broken(shelf: Shelf) -> Shelf:
    """A site with one good plugin beside several that are broken in different ways."""
    shelf.toml("")
    shelf.plugin("zgood", ROUTE.format("zgood"))
    shelf.plugin("aimport", head="raise ValueError('no benches')")
    shelf.plugin("bneeds", "requires = ('nowhere',)")
    shelf.plugin("cversion", requires=("changemaker-core>=99",))
    shelf.plugin("dhook", "@hookimpl\ndef cm_register_rotues(self): return []")
    shelf.plugin("zraises", "@hookimpl\ndef cm_register_jobs(self): raise KeyError('x')")
    shelf.plugin("zsame", ROUTE.format("zgood"))
    return shelf


def test_list_works_beside_all_that_is_broken(broken: Shelf) -> None:
    listed = run(broken, "plugins", "list", "--json")
    assert listed.returncode == 0
    rows = {row["name"]: row for row in as_json(listed)}
    wrong = ("aimport", "bneeds", "cversion", "dhook", "zraises", "zsame")
    assert {rows[name]["status"] for name in wrong} == {"failed"}
    assert all(rows[name]["reason"] for name in wrong)
    good = rows["zgood"]
    assert (good["status"], good["version"], good["distribution"]) == (
        "loaded",
        "1.2.3",
        "changemaker-zgood",
    )
    order = list(rows)
    assert order.index("accounts") < order.index("zgood") < order.index("aimport")
    told = run(broken, "plugins", "list")
    assert "no benches" in told.stdout
    assert "plugins explain" in told.stderr


def test_a_start_prints_one_report_without_a_traceback(broken: Shelf) -> None:
    started = run(broken, "migrate")
    assert started.returncode == 1
    assert "Traceback" not in started.stderr
    assert "Changemaker cannot start: 6 problems." in started.stderr
    for name in ("aimport", "bneeds", "cversion", "dhook", "zraises", "zsame"):
        assert f"{name} (changemaker-{name} 1.2.3)" in started.stderr


def test_doctor_tells_of_all_that_is_broken(broken: Shelf) -> None:
    finished = run(broken, "doctor", "--json")
    assert finished.returncode == 1
    assert [status for status, _ in findings(finished, "plugins")] == ["error"] * 6
    assert all(finding["fix"] for finding in as_json(finished) if finding["status"] == "error")
    told = run(broken, "doctor")
    assert (
        "ERROR    plugins: aimport (changemaker-aimport 1.2.3): It cannot be imported"
        in told.stdout
    )
    assert told.returncode == 1


CHECKS = """
@hookimpl
def operations_register_checks(self):
    from changemaker_core import Check, Finding
    return [
        Check("parks.benches", lambda site: [Finding("warning", "One is wet.", "Dry it.")]),
        Check("parks.gates", lambda site: [1 / 0]),
        Check("parks.hedges", lambda site: ["a hedge"]),
        Check("parks.lawns", lambda site: [Finding("ok", "Mown.")], requires=("parks.gates",)),
        Check("parks.trees", lambda site: [Finding("ok", "Tall.")], requires=("migrations",)),
    ]
"""


def test_doctor_runs_a_plugins_checks(shelf: Shelf) -> None:
    shelf.toml("")
    shelf.plugin("parks", CHECKS)
    assert run(shelf, "migrate").returncode == 0
    shelf.plugin("zoo", "@hookimpl\ndef operations_register_checks(self): return ['zebra']")
    finished = run(shelf, "doctor", "--json")
    assert findings(finished, "parks.benches") == [("warning", "One is wet.")]
    ((status, detail),) = findings(finished, "parks.gates")
    assert (status, "parks (changemaker-parks 1.2.3)" in detail) == ("error", True)
    assert "ZeroDivisionError" in detail
    ((status, detail),) = findings(finished, "parks.hedges")
    assert (status, "'a hedge' is not a Finding" in detail) == ("error", True)
    assert findings(finished, "parks.lawns") == []  # the gates are broken
    assert findings(finished, "parks.trees") == [("ok", "Tall.")]
    ((status, detail),) = findings(finished, "plugins")
    assert (status, "zoo (changemaker-zoo 1.2.3)" in detail) == ("error", True)


def test_doctor_reads_tables_only_of_a_database_that_is_migrated(shelf: Shelf) -> None:
    shelf.toml("")
    shelf.plugin("parks", CHECKS)
    finished = run(shelf, "doctor", "--json")
    assert findings(finished, "parks.benches") == [("warning", "One is wet.")]
    assert findings(finished, "parks.trees") == findings(finished, "queues") == []


def test_explain_says_place_contributions_and_collisions(broken: Shelf) -> None:
    explanation = as_json(run(broken, "plugins", "explain", "zgood", "--json"))
    assert explanation["status"] == "loaded"
    assert explanation["contributes"]["routes"] == ["/zgood"]
    assert any("zsame" in row or "already belongs to" in row for row in explanation["problems"])
    told = run(broken, "plugins", "explain", "aimport").stdout
    assert told.startswith("aimport (changemaker-aimport 1.2.3): failed")
    assert "ValueError: no benches" in told


def test_explain_says_why_a_plugin_stands_where_it_stands(shelf: Shelf) -> None:
    shelf.plugin("alder", "requires = ('birch',)\nafter = ('cedar', 'nowhere')")
    shelf.plugin("birch", "after = ('alder',)")
    shelf.plugin("cedar")
    order = as_json(run(shelf, "plugins", "explain", "alder", "--json"))["order"]
    assert "after birch, which it requires" in order
    assert "after cedar, which it names in `after`" in order
    assert "nowhere, which it names in `after`, is absent" in order
    birch = as_json(run(shelf, "plugins", "explain", "birch", "--json"))["order"]
    assert "not after alder: the two would form a circle" in birch
    assert "before alder, which requires it" in birch


def test_explain_says_why_a_plugin_is_left_out(shelf: Shelf) -> None:
    shelf.plugin("alder")
    shelf.toml("[plugins]\ndeny = ['alder']")
    told = run(shelf, "plugins", "explain", "alder")
    assert "alder (changemaker-alder 1.2.3): denied" in told.stdout
    missing = run(shelf, "plugins", "explain", "aldre")
    assert (missing.returncode, "Did you mean 'alder'?" in missing.stderr) == (1, True)


def test_commands_go_on_beside_a_configuration_that_is_wrong(shelf: Shelf) -> None:
    shelf.toml("home_pag = '/'\nhome_page = 3\n[accounts]\nx = 1\n")
    shelf.plugin("alder")
    listed = run(shelf, "plugins", "list", "--json")
    statuses = {row["name"]: row["status"] for row in as_json(listed)}
    assert statuses["alder"] == "loaded"
    finished = run(shelf, "doctor", "--json")
    assert finished.returncode == 1
    found = findings(finished, "configuration")
    assert [status for status, _ in found] == ["error", "error"]
    assert "Did you mean 'home_page'?" in found[0][1]


def test_nothing_is_made_by_looking(shelf: Shelf) -> None:
    run(shelf, "plugins", "list")
    run(shelf, "doctor")
    assert list(shelf.site.iterdir()) == []
