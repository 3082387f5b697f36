"""A held queue has no tickets."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from changemaker_core.jobs import hold_queue
from changemaker_core.jobs.held_queues.trials import hold_until_success
from changemaker_core.jobs.models import CoreHold
from changemaker_core.shared.tickets import queues_with_due_jobs

if TYPE_CHECKING:
    from tests.bench.jobs_only_site import JobsOnlySite


def test_a_held_queue_has_no_tickets(ledger: JobsOnlySite) -> None:
    ledger.db.sync.write(lambda tx: [tx.enqueue(job, {}) for job in ("test.mail", "test.note")])

    def due() -> set[str]:
        work = ["mail", "notes"], ledger.job_names(), {}, ledger.clock()
        return ledger.db.sync.read(queues_with_due_jobs, *work)

    assert due() == {"mail", "notes"}
    ledger.db.sync.write(hold_until_success, "mail", "refused", "530")
    assert due() == {"notes"}
    at_once = CoreHold.update(retry_at=ledger.clock() - timedelta(seconds=1))
    ledger.db.sync.write(lambda tx: at_once.execute())
    assert due() == {"mail", "notes"}  # a worker tries one job
    ledger.db.sync.write(hold_queue, "mail", "operator")
    assert due() == {"notes"}
    ledger.db.sync.write(ledger.jobs.guard.release, "mail")
    assert due() == {"mail", "notes"}
