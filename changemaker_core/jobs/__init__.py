"""Jobs: work outside of requests. An outbox of rows, and executors that claim, run and settle them.

No job is lost, because it is inserted in the transaction of the data that it belongs to. No job
runs twice, because every step of a run is refused once its lease is lost, and because a run of
unknown outcome is never repeated by itself.

A job's way through this room: ``outbox`` enqueues it, or ``schedule`` when its time has come;
``executor`` claims and runs it; ``run`` and ``job_run`` settle it, ``mailing`` one that sends a
mail; ``leases`` renews its lease meanwhile, and reclaims it if its process dies; ``purge`` deletes
it. The SQL of each step is in ``statements``.
``held_queues`` stops claims of a whole queue.
"""

from __future__ import annotations

from changemaker_core.jobs.declarations import (
    JOBS,
    SUBSCRIPTIONS,
    Cron,
    Interval,
    Job,
    RetryPolicy,
    Subscription,
)
from changemaker_core.jobs.errors import (
    ChildFailed,
    JobFailed,
    JobStopped,
    LeaseLost,
    PayloadRefused,
    UnknownJob,
)
from changemaker_core.jobs.held_queues.hold import (
    REASONS,
    Hold,
    WaitingJobs,
    hold_queue,
    holds,
    waiting_jobs,
)
from changemaker_core.jobs.held_queues.trials import try_now
from changemaker_core.jobs.models import CoreJob, JobState
from changemaker_core.jobs.outbox import Outbox, subscription_job
from changemaker_core.jobs.purge import core_jobs
from changemaker_core.jobs.queries import (
    JobDetail,
    JobView,
    QueueDepth,
    cancel_job,
    failed_jobs,
    job_detail,
    jobs,
    jobs_of,
    known_queues,
    queue_depths,
)
from changemaker_core.jobs.retrying import payload_of, retry_dead_jobs, retry_job
from changemaker_core.jobs.running.executor import Executor
from changemaker_core.jobs.running.job_run import JobRun
from changemaker_core.jobs.running.runner import RunnerThread, run_jobs

__all__ = [
    "JOBS",
    "REASONS",
    "SUBSCRIPTIONS",
    "ChildFailed",
    "CoreJob",
    "Cron",
    "Executor",
    "Hold",
    "Interval",
    "Job",
    "JobDetail",
    "JobFailed",
    "JobRun",
    "JobState",
    "JobStopped",
    "JobView",
    "LeaseLost",
    "Outbox",
    "PayloadRefused",
    "QueueDepth",
    "RetryPolicy",
    "RunnerThread",
    "Subscription",
    "UnknownJob",
    "WaitingJobs",
    "cancel_job",
    "core_jobs",
    "failed_jobs",
    "hold_queue",
    "holds",
    "job_detail",
    "jobs",
    "jobs_of",
    "known_queues",
    "payload_of",
    "queue_depths",
    "retry_dead_jobs",
    "retry_job",
    "run_jobs",
    "subscription_job",
    "try_now",
    "waiting_jobs",
]
