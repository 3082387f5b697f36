"""The layers of the tests: each test is in exactly one, by its path.

Nothing of the project is imported here: plugins' tests use this file beside their built wheels.
"""

from __future__ import annotations

import os
import sys
import tempfile
from collections import defaultdict
from dataclasses import dataclass
from fnmatch import fnmatch
from functools import cache
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent

# Images of containers tell Python to write no bytecode. Then each program that a test starts
# compiles 700 modules, which takes longer than all that it does afterwards, and each pytest process
# compiles and rewrites 900.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)

#: Where Linux keeps files in memory, and the bytes that a run may fill there.
MEMORY, ROOM = Path("/dev/shm"), 4 << 30  # noqa: S108  # the folder of temporary files


def _keep_files_in_memory() -> None:
    """Let temporary files be in memory: a commit of SQLite takes 0.2 ms there, and 5 on a disk.

    Not where there is little room, or where programs may not be run (wheels are installed, too).
    ``TMPDIR`` names another folder.
    """
    if "TMPDIR" in os.environ or not os.access(MEMORY, os.W_OK):
        return
    status = os.statvfs(MEMORY)
    if status.f_bavail * status.f_frsize > ROOM and not status.f_flag & os.ST_NOEXEC:
        os.environ["TMPDIR"] = tempfile.tempdir = str(MEMORY)


_keep_files_in_memory()


@dataclass(frozen=True, slots=True)
class Layer:
    """Which tests it has, by the first pattern that fits, and the seconds that they should take.

    ``budget`` is the sum of its tests on one core, ``each`` the longest of them. They are printed,
    never asserted: how long a test takes says as much about the machine as about the code.
    """

    budget: float
    each: float
    paths: tuple[str, ...]


LAYERS = {
    # Several servers, of which some are killed or cut off; a browser, nginx, built wheels.
    "machine": Layer(
        1800,
        45,
        (
            "tests/packaging/*",
            "tests/performance/*",
            "tests/replicas/*",
            "tests/rq/*",
            "tests/scenarios/*",
            "*/test_browser.py",
            "*/test_in_a_browser.py",
            "*/test_kill.py",
            "*/test_lanes_kill.py",
            "*/test_nginx.py",
            "*/test_behind_nginx.py",
            "tests/plugin/test_hello.py",
            "tests/plugin/test_events.py",
            "tests/plugin/test_pledges.py",
            "tests/plugin/test_pocket.py",
            "tests/plugin/test_relay.py",
            "plugins/deploy/tests/test_systemd.py",
            "plugins/deploy/tests/test_filtered.py",
        ),
    ),
    # Programs of ours, started as processes: the command line, a server, a job runner.
    "process": Layer(
        900,
        15,
        (
            "tests/cli/*",
            "tests/server/*",
            "*/test_processes.py",
            "*/test_executors.py",
            "tests/db/postgresql/test_lost.py",
            "tests/db/postgresql/test_pgbouncer.py",
            "tests/http/bodies/test_memory.py",
            "tests/http/test_bridges.py",
            "tests/http/streams/test_events.py",
            "tests/testing/*",
            "tests/plugin/test_commands.py",
            "plugins/influence/tests/directories/test_represent_limit.py",
        ),
    ),
    # Functions and classes: no database, no server, no site.
    "unit": Layer(
        90,
        2,
        (
            "tests/spreadsheets/*",
            "tests/accounts/test_tokens.py",
            "tests/backups/test_archives.py",
            "tests/cache/test_response_cache.py",
            "tests/config/*",
            "tests/db/test_statements.py",
            "tests/docs/test_docs.py",
            "tests/http/test_access_log.py",
            "tests/http/test_lists.py",
            "tests/http/test_schema.py",
            "tests/http/test_*turn*.py",
            "tests/mail/test_folder.py",
            "tests/mail/test_message.py",
            "tests/mailtemplates/test_language.py",
            "tests/plugin/test_discovery.py",
            "tests/plugin/test_order.py",
            "tests/plugin/test_reference.py",
            "tests/web/test_catalogues.py",
            "tests/web/test_design_language.py",
            "tests/web/test_forms.py",
            "tests/web/test_languages.py",
            "tests/web/test_static.py",
            "tests/web/test_templates.py",
            "tests/web/test_translations.py",
            "plugins/influence/tests/test_addresses.py",
            "plugins/influence/tests/directories/test_levels.py",
            "plugins/influence/tests/directories/test_postal_codes.py",
            "plugins/influence/tests/directories/test_representatives.py",
            "plugins/influence/tests/emails/test_words.py",
            "plugins/influence/tests/organising/test_formatting.py",
            "plugins/influence/tests/test_links.py",
        ),
    ),
    # A site, a database, a server that is asked: in this process.
    "component": Layer(
        360,
        8,
        (
            "tests/accounts/*",
            "tests/backups/*",
            "tests/audit/*",
            "tests/cache/*",
            "tests/db/*",
            "tests/docs/*",
            "tests/http/*",
            "tests/jobs/*",
            "tests/limits/*",
            "tests/mail/*",
            "tests/mailtemplates/*",
            "tests/privacy/*",
            "tests/webhooks/*",
            "tests/metrics/*",
            "tests/moving/*",
            "tests/mistakes/*",
            "tests/operations/*",
            "tests/settings/*",
            "tests/outgoing/*",
            "tests/plugin/*",
            "tests/shared/*",
            "tests/web/*",
            "plugins/*/tests/*",
            "examples/*/tests/*",
        ),
    ),
}

#: Tests that measure how much is done in a while: they run one at a time, since a test beside them
#: would be measured too.
ALONE = (
    "tests/performance/test_bulk.py",
    "tests/rq/test_trouble.py",
    "tests/scenarios/test_sigterm.py",
)


def _module(name: str) -> Any:
    """Import a module of this checkout, which is on no path where a plugin's wheel is tested."""
    spec = spec_from_file_location(name, ROOT / f"{name.replace('.', '/')}.py")
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(name)
    module = sys.modules[name] = module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def pytest_configure(config: pytest.Config) -> None:
    """Look for secrets in all logs; print the layers' times in the process that has them all."""
    log_secrets = _module("tests.log_secrets")
    plugin = log_secrets.LogSecrets()
    config.pluginmanager.register(plugin, "changemaker-log-secrets")
    log_secrets.watch(plugin)
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Times(), "changemaker-layers")


# Before tests are left out by their markers (-m).
@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Give each test its markers; a test without a layer is an error."""
    for item in items:
        path = _place(item.path)
        layer = layer_of(path)
        if layer is None:
            raise pytest.UsageError(f"{item.path}: in no layer; add it to LAYERS in conftest.py")
        item.add_marker(layer)
        if path in ALONE:
            item.add_marker("alone")
    items.sort(key=lambda item: _place(item.path) not in FIRST)


#: These take minutes. Side by side with others they begin first, so that none is left at the end.
FIRST = {"tests/screens/test_in_a_browser.py"}


@cache
def _place(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@cache
def layer_of(path: str) -> str | None:
    """The layer of a test's file."""
    fits = (name for name, layer in LAYERS.items() if any(fnmatch(path, p) for p in layer.paths))
    return next(fits, None)


class _Times:
    """How long the tests of each layer took, setting up and tearing down included."""

    def __init__(self) -> None:
        self._seconds: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        for name in LAYERS:
            if name in report.keywords:
                self._seconds[name][report.nodeid] += report.duration

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self._seconds:
            terminalreporter.section("seconds of each layer, and its budget")
        for name in ("unit", "component", "process", "machine"):
            tests = self._seconds.get(name)
            if not tests:
                continue
            layer, total = LAYERS[name], sum(tests.values())
            slowest = max(tests, key=tests.__getitem__)
            over = total > layer.budget or tests[slowest] > layer.each
            line = (
                f"{name:9} {len(tests):5} tests {total:6.0f} s of {layer.budget:.0f}; "
                f"slowest {tests[slowest]:.1f} s of {layer.each:.0f}: {slowest}"
            )
            terminalreporter.write_line(line, red=over, green=not over)
