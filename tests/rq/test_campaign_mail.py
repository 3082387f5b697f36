"""A campaign's mail, from its form through web processes and workers to an SMTP server."""

from __future__ import annotations

import statistics
import time
from typing import TYPE_CHECKING, Any

from changemaker_core.shared.worker import DEQUEUE_TIMEOUT
from tests.bench.processes import wait_until

if TYPE_CHECKING:
    from changemaker_core.testing.server import OperatedSite
    from changemaker_core.testing.smtp import SmtpServer

Fixture = Any

MESSAGES = 7


def test_a_ticket_wakes_a_worker_that_waits(
    operated: OperatedSite,
    serving: Fixture,
    working: Fixture,
    smtp_server: SmtpServer,
    senders: Fixture,
) -> None:
    for _ in range(2):
        working()
    writing = serving("--workers", "2")
    # It holds in workers that have begun before, too.
    operated.run("settings", "set", "mail", "from_address=letters@example.org")
    waits = []
    for _ in range(MESSAGES):
        time.sleep(0.5)  # idle again
        began = time.time()
        sender = writing.write()
        wait_until(lambda sender=sender: sender in senders())
        waits.append(smtp_server.received[-1].at - began)
    print("seconds to SMTP:", [round(wait, 2) for wait in waits])
    assert statistics.median(waits) < DEQUEUE_TIMEOUT, "they came when a worker looked by itself"
    assert len(senders()) == len(set(senders())) == MESSAGES
    froms = {str(received.email["From"]) for received in smtp_server.received}
    assert all("letters@example.org" in each for each in froms), froms
