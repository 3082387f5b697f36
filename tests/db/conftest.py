"""Helpers of the database room's tests."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from changemaker_core.db import Database, Model

PROGRAMS = Path(__file__).parent / "programs"


@pytest.fixture
def make_tables(database: Database) -> Callable[..., None]:
    """Create the tables of models."""

    def make(*models: type[Model]) -> None:
        database.sync.write(lambda tx: tx.database.create_tables(models))

    return make


@pytest.fixture
def run_program() -> Iterator[Callable[..., subprocess.Popen[str]]]:
    """Start one of ``programs/`` as a process of its own; killed at the end if it still runs."""
    started: list[subprocess.Popen[str]] = []

    def run(name: str, *arguments: Any) -> subprocess.Popen[str]:
        process = subprocess.Popen(
            [sys.executable, str(PROGRAMS / name), *map(str, arguments)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        started.append(process)
        return process

    yield run
    for process in started:
        process.kill()
        process.communicate()
