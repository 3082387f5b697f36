"""The limit of requests to Represent, which holds for all processes of a site together."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).with_name("requesting_process.py")


@pytest.fixture
def ask_from_two(database, database_url, represent):
    """Two processes send requests together; return how many of each succeeded."""

    def ask(limit, period, lateness, seconds):
        options = [str(each) for each in (limit, period, lateness, seconds)]
        command = [sys.executable, str(SCRIPT), database_url, represent.url, *options]
        with contextlib.ExitStack() as stack:
            processes = []
            for name in ("A", "B"):
                process = subprocess.Popen(
                    [*command, name], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
                )
                processes.append(stack.enter_context(process))
                stack.callback(process.kill)
            assert [process.stdout.readline() for process in processes] == ["ready\n"] * 2
            for process in processes:
                process.stdin.write("begin\n")
                process.stdin.flush()
            responses = [process.communicate(timeout=120)[0] for process in processes]
            assert [process.returncode for process in processes] == [0, 0]
        return [int(response) for response in responses]

    return ask


def test_two_processes_send_55_requests_a_minute_and_no_more(ask_from_two, represent):
    returned = ask_from_two(55, 60, 5, 5)
    assert sum(returned) == 55
    assert min(returned) > 0
    assert len(represent.requests) == 55


def test_the_window_slides(ask_from_two, represent):
    # The allowance for lateness is wide, so that a busy machine cannot break it in the test.
    returned = ask_from_two(10, 1.0, 1.5, 7)
    assert sum(returned) == len(represent.requests)
    assert represent.most_in(1.0) <= 10
    assert len(represent.requests) > 20
