"""Work outside of requests: an outbox of rows, and executors that claim, run and settle them.

Nothing is lost, because a job is inserted in the transaction of the data it belongs to. Nothing is
done twice, because every step of a run is refused once its lease is lost, and because a run whose
outcome nobody knows is never repeated by itself.
"""

from __future__ import annotations

from changemaker_core.jobs.errors import (
    JobFailed,
    LeaseLost,
    PayloadRefused,
    UnknownJob,
)
from changemaker_core.jobs.executor import Executor
from changemaker_core.jobs.holds import REASONS, Hold, holds
from changemaker_core.jobs.job import JobRun
from changemaker_core.jobs.model import CoreJob
from changemaker_core.jobs.outbox import Outbox, subscription_job
from changemaker_core.jobs.runner import RunnerThread, run_jobs
from changemaker_core.jobs.stats import JobView, QueueDepth, jobs, queue_depths
from changemaker_core.jobs.tidy import core_jobs

__all__ = [
    "REASONS",
    "CoreJob",
    "Executor",
    "Hold",
    "JobFailed",
    "JobRun",
    "JobView",
    "LeaseLost",
    "Outbox",
    "PayloadRefused",
    "QueueDepth",
    "RunnerThread",
    "UnknownJob",
    "core_jobs",
    "holds",
    "jobs",
    "queue_depths",
    "run_jobs",
    "subscription_job",
]
