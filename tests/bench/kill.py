"""Kill a runner while it drains a queue of mail, then judge the fate of each message.

The scenario: a queue is full, a server accepts mail slowly, the runner is killed with SIGKILL at
random moments and started again, and in the end the server's log and the ledger are compared.
"""

from __future__ import annotations

import contextlib
import random
import signal
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tests.bench.processes import PATIENCE, wait_until

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping
    from typing import TypeAlias

    #: Starts a runner.
    Start: TypeAlias = Callable[[], subprocess.Popen[str]]


@contextlib.contextmanager
def smtp_process(
    log: Path, delay: float, reply_delay: float = 0.0, host: str = "127.0.0.1"
) -> Iterator[int]:
    """An SMTP server in a process of its own, which outlives the runners; gives its port.

    Each message takes ``delay`` seconds before, and ``reply_delay`` after it is in the ``log``.
    """
    options = ["--log", str(log), "--delay", str(delay), "--reply-delay", str(reply_delay)]
    options += ["--host", host]
    process = subprocess.Popen(
        [sys.executable, str(Path(__file__).with_name("smtp_process.py")), *options],
        stdout=subprocess.PIPE,
        text=True,
    )
    try:
        yield int(process.stdout.readline() if process.stdout else "")
    finally:
        process.kill()
        process.communicate()


def kill_while_draining(
    start: Start, left: Callable[[], int], kills: int, longest: float, seed: int
) -> list[int]:
    """Start the runner, let it get somewhere, kill it within ``longest`` seconds, ``kills`` times.

    ``left()`` says how many messages are unfinished; returns how many were left at each kill. A
    run of the scenario whose last number is 0 has shown nothing.
    """
    moments = random.Random(seed)  # noqa: S311  # no secret
    left_at_kills = []
    for _ in range(kills):
        before = left()
        process = start()
        try:
            wait_until(lambda at=before: left() < at)  # type: ignore[misc]  # a bound default
            time.sleep(moments.uniform(0, longest))
        finally:
            process.kill()
            process.communicate()
        left_at_kills.append(left())
    return left_at_kills


def drain_to_the_end(start: Start, left: Callable[[], int], seconds: float) -> int:
    """Start the runner, wait until nothing is left, stop it; returns its exit status."""
    process = start()
    try:
        wait_until(lambda: left() == 0, seconds)
        process.send_signal(signal.SIGTERM)
        return process.wait(PATIENCE)
    finally:
        process.kill()
        process.communicate()


@dataclass(frozen=True, slots=True)
class Verdict:
    """Messages by what became of them; the first three must be empty."""

    lost: tuple[str, ...]
    twice: tuple[str, ...]
    unexpected: tuple[str, ...]
    once: int
    unknown: int

    @property
    def is_good(self) -> bool:
        """Every message once at the server, or its row unknown."""
        return not (self.lost or self.twice or self.unexpected)


def judge(states: Mapping[str, str], accepted: Iterable[str], sent: str, unknown: str) -> Verdict:
    """Compare the ledger with the server.

    ``states``: message id → its row's state, ``sent`` and ``unknown`` among them. ``accepted``:
    the ids that the server took over, as often as it did.
    """
    times = Counter(accepted)
    return Verdict(
        lost=tuple(i for i, state in states.items() if state != unknown and not times[i]),
        twice=tuple(i for i, number in times.items() if number > 1),
        unexpected=tuple(i for i, state in states.items() if state not in (sent, unknown))
        + tuple(i for i in times if i not in states),
        once=sum(times[i] == 1 for i, state in states.items() if state == sent),
        unknown=sum(state == unknown for state in states.values()),
    )
