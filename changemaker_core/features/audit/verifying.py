"""The job that verifies the whole log, and where its outcome is: in the log itself."""

from __future__ import annotations

from datetime import datetime  # the Struct reads it
from typing import TYPE_CHECKING, Final

import msgspec

from changemaker_core.features.audit import queries, sealing
from changemaker_core.features.audit.verification import verify

if TYPE_CHECKING:
    from changemaker_core import JobRun, Site, Tx
    from changemaker_core.features.audit.verification import Report

JOB: Final = "audit.verify"
VERIFIED: Final = "audit.log.verified"


class Standing(msgspec.Struct, frozen=True, kw_only=True):
    """How far the log is sealed. ``problem`` is what is wrong with the end of the chain, which is
    all that was looked at; ``None`` where it fits."""

    sealed: int
    sealed_at: datetime | None
    problem: str | None


def standing_of(site: Site) -> Standing:
    """Return how far the log is sealed, inside a unit of work."""
    head = queries.head().one()
    problem = None
    try:
        sealing.signed_end(site)
    except sealing.BrokenHead as error:
        problem = str(error)
    return Standing(
        sealed=0 if head is None else head.position,
        sealed_at=None if head is None else head.sealed_at,
        problem=problem,
    )


def start(tx: Tx) -> str:
    """Have the whole log verified, unless it is being verified; return the id of the job."""
    tx.audit("audit.log.verification_started")
    return tx.enqueue(JOB, {}, key=JOB)


def verify_log(run: JobRun) -> None:
    """Verify the whole log, and record the outcome in it."""
    sealed = run.site.db.sync.read(standing_of, run.site).sealed

    def progress(done: int) -> None:
        run.stop_if_asked()
        run.progress(done, max(done, sealed))

    report = verify(run.site, progress=progress)
    run.done(record, report)


def record(tx: Tx, report: Report) -> None:
    """Record the outcome of a verification."""
    problem = None if report.problem is None else str(report.problem)
    after = {"sealed": report.sealed, "erased": report.erased, "problem": problem}
    tx.audit(VERIFIED, after=after)
