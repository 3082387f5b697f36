"""Producers that fill lanes at once, and what is checked of the runs: order, one at a time, all.

The jobs are ``test.lane`` of ``tests/jobs/runner_process.py``.
"""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable

    from changemaker_core.db import Tx
    from tests.bench.jobs_only_site import JobsOnlySite

LANES = ("a", "b", "c")
PRODUCERS = 3
#: The number of a producer's job that is dead.
DEAD = 13


def start_producers(site: JobsOnlySite, jobs: int) -> list[threading.Thread]:
    """Start three threads, each of which enqueues ``jobs`` in each of three lanes."""
    threads = [threading.Thread(target=_produce, args=(site, n, jobs)) for n in range(PRODUCERS)]
    for thread in threads:
        thread.start()
    return threads


def _produce(site: JobsOnlySite, producer: int, jobs: int) -> None:
    for number in range(jobs):
        lanes = LANES if producer % 2 else LANES[::-1]

        def write(tx: Tx, number: int = number, lanes: tuple[str, ...] = lanes) -> None:
            for lane in lanes:
                payload = {"lane": lane, "number": producer * 1000 + number}
                tx.enqueue("test.lane", payload, lane=f"test.{lane}")

        site.db.sync.write(write)


def check(notes: Iterable[str], jobs: int) -> None:
    """Assert that what the jobs noted, in the order of its commits, keeps the rules of lanes."""
    events = [(lane, what, int(number)) for lane, what, number in map(str.split, notes)]
    for lane in LANES:
        begun: list[int] = []
        ended: list[int] = []
        for _, what, number in (event for event in events if event[0] == lane):
            if what == "begin":
                # Another begins only once the last one has ended; one that was killed begins again.
                last = begun[-1] if begun else number
                assert number == last or last in ended or last % 100 == DEAD, (lane, last, number)
                if number != last or not begun:
                    begun.append(number)
            else:
                assert number == begun[-1], (lane, number, begun[-1])
                ended.append(number)
        assert len(begun) == len(set(begun)) == PRODUCERS * jobs, lane
        assert set(begun) - set(ended) == {number for number in begun if number % 100 == DEAD}
        for producer in range(PRODUCERS):
            own = [number % 1000 for number in begun if number // 1000 == producer]
            assert own == list(range(jobs)), (lane, producer)
