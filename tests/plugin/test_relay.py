"""The example of signed requests and lanes: three sites, one of which is away for a while."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.bench.examples import installed, run_tests

RELAY = Path(__file__).parents[2] / "examples" / "relay"


@pytest.mark.proc
def test_its_own_tests_pass(tmp_path: Path) -> None:
    run_tests(RELAY, installed(RELAY, tmp_path))
