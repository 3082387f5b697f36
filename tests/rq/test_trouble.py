"""Valkey killed or hanging: the site responds as before, and jobs wait.

The long form, with a minute: ``CHANGEMAKER_HANG_SECONDS=60``.
"""

from __future__ import annotations

import os
import time
from typing import TYPE_CHECKING, Any

import pytest

from changemaker_core.shared.connection import REPLY_TIMEOUT
from tests.bench.processes import wait_until

if TYPE_CHECKING:
    from tests.bench.valkey import ValkeyServer

Fixture = Any

SECONDS = float(os.environ.get("CHANGEMAKER_HANG_SECONDS", "4"))
REQUESTS = 40
#: Seconds by which requests may be slower while Valkey is down: if they waited for it, they would
#: be slower by its time-out, twice as much.
SLOWER = REPLY_TIMEOUT / 2


@pytest.mark.parametrize("trouble", ["killed", "hanging"])
def test_requests_do_not_wait_for_valkey_and_jobs_wait_in_the_outbox(
    serving: Fixture, working: Fixture, valkey: ValkeyServer, senders: Fixture, trouble: str
) -> None:
    working()
    writing = serving()
    usual = writing.median(REQUESTS)
    (valkey.kill if trouble == "killed" else valkey.hang)()
    began = time.monotonic()
    time.sleep(0.5)
    arrived = len(senders())
    slow = writing.median(REQUESTS)
    while time.monotonic() - began < SECONDS:
        writing.write()
        time.sleep(0.2)
    print(f"{trouble}: {usual * 1000:.1f} ms usually, {slow * 1000:.1f} ms without Valkey")
    assert slow - usual < SLOWER
    # What a work horse had started may still have gone out; the rest waits.
    assert len(senders()) < arrived + REQUESTS
    (valkey.start if trouble == "killed" else valkey.go_on)()
    wait_until(lambda: len(senders()) == writing.count)
    assert len(set(senders())) == writing.count


def test_jobs_wait_for_workers_or_run_in_a_runner_beside_them(
    serving: Fixture, valkey: ValkeyServer, senders: Fixture
) -> None:
    first = serving()
    written = [first.write()]
    time.sleep(2)
    assert senders() == []
    valkey.hang()
    second = serving("--runner")
    wait_until(lambda: senders() == written)
    written += [second.write(), first.write()]
    wait_until(lambda: len(senders()) == len(written))
