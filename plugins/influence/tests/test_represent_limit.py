"""The limit of requests to Represent, which holds for all processes of a site together."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("asking_process.py")


@pytest.fixture
def ask_from_two(database, database_url, represent):
    """Two processes ask together; answers how many of their requests were answered."""

    def ask(limit, period, lateness, seconds):
        options = [str(each) for each in (limit, period, lateness, seconds)]
        processes = [
            subprocess.Popen(
                [sys.executable, str(SCRIPT), database_url, represent.url, *options, name],
                stdout=subprocess.PIPE,
                text=True,
            )
            for name in ("A", "B")
        ]
        answers = [process.communicate(timeout=60)[0] for process in processes]
        assert [process.returncode for process in processes] == [0, 0]
        return [int(answer) for answer in answers]

    return ask


def test_two_processes_ask_55_times_a_minute_and_no_more(ask_from_two, represent):
    answered = ask_from_two(55, 60, 5, 4)
    assert sum(answered) == 55
    assert min(answered) > 0
    assert len(represent.requests) == 55


def test_the_window_slides(ask_from_two, represent):
    # The allowance for lateness is wide, so that a busy machine cannot break it in the test.
    answered = ask_from_two(10, 1.0, 1.5, 7)
    assert sum(answered) == len(represent.requests)
    assert represent.most_in(1.0) <= 10
    assert len(represent.requests) > 20
