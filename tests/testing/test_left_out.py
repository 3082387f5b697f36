"""Where PostgreSQL is not installed, its tests are left out, and the run says so."""

from __future__ import annotations

import subprocess
import sys

import pytest

CONFTEST = """
from changemaker_core.testing.postgres import PostgresCluster

PostgresCluster.find = staticmethod(lambda: None)
"""
TESTS = """
import pytest

def test_each(database_url):
    assert database_url.startswith("sqlite:")

@pytest.mark.postgresql
def test_only_postgresql(postgresql_url):
    assert False

def test_neither():
    pass
"""
LINE = "left out: the PostgreSQL suite (no initdb found; apt-get install postgresql)"


@pytest.fixture
def run_pytest(tmp_path):
    (tmp_path / "conftest.py").write_text(CONFTEST)
    (tmp_path / "test_some.py").write_text(TESTS)

    def run(*options):
        command = [sys.executable, "-m", "pytest", "-p", "no:cacheprovider", *options]
        return subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)

    return run


def test_absent_postgresql_is_left_out_and_said(run_pytest):
    done = run_pytest()
    assert done.returncode == 0
    assert "2 passed, 2 deselected" in done.stdout
    assert LINE in done.stdout
    assert "skipped" not in done.stdout


def test_nothing_left_out_makes_it_an_error(run_pytest):
    done = run_pytest("--nothing-left-out")
    assert done.returncode != 0
    assert LINE in done.stdout + done.stderr


def test_one_database_can_be_asked_for(run_pytest):
    done = run_pytest("--database=sqlite", "--nothing-left-out")
    assert done.returncode == 0
    assert "2 passed, 2 deselected" in done.stdout
    assert "left out" not in done.stdout


def test_the_plugin_imports_nothing_heavy():
    code = (
        "import sys, importlib, changemaker_core.testing.pytest_plugin as plugin\n"
        "for name in plugin.FIXTURES: importlib.import_module(name)\n"
        "print([m for m in ('falcon', 'peewee', 'psycopg2', 'jinja2') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_tests_side_by_side_say_it_too(run_pytest):
    done = run_pytest("-n", "2")
    assert done.returncode == 0
    assert done.stdout.count(LINE) == 1
    refused = run_pytest("-n", "2", "--nothing-left-out")
    assert refused.returncode != 0
    assert LINE in refused.stdout + refused.stderr
