"""The example of ten lines, as its author has it: built, laid down as pip does, its tests run."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.examples import installed, run_tests

if TYPE_CHECKING:
    import pytest

NOTES = Path(__file__).parents[2] / "examples" / "notes"


def test_its_own_tests_pass(tmp_path_factory: pytest.TempPathFactory) -> None:
    run_tests(NOTES, installed(NOTES, tmp_path_factory.mktemp("notes")))
