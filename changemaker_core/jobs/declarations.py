"""What plugins declare to jobs: functions that run outside of requests, retries, schedules."""

from __future__ import annotations

import inspect
import re
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from changemaker_core.plugin.callables import call_problem
from changemaker_core.plugin.contributions import Kind, named

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

#: ``R`` and ``H``, which croniter replaces by another number in each process.
_AT_RANDOM = re.compile(r"(^|,)[rh](\b|\()", re.IGNORECASE)
#: The day that a schedule of the 29th of February is next due after.
_LEAP_DAY = datetime(2024, 2, 28)  # a wall time


@dataclass(frozen=True, slots=True, kw_only=True)
class RetryPolicy:
    """When a failed job runs again.

    The delay doubles from ``initial`` up to ``maximum``, each with up to 20 % of jitter, until the
    job is ``deadline`` old or has run ``attempts`` times; then the job is dead.
    """

    initial: timedelta = timedelta(seconds=10)
    maximum: timedelta = timedelta(hours=1)
    deadline: timedelta = timedelta(hours=24)
    attempts: int | None = None


@dataclass(frozen=True, slots=True)
class Interval:
    """A schedule: due at each multiple of ``interval`` since 1970-01-01 UTC."""

    interval: timedelta

    def __post_init__(self) -> None:
        if not isinstance(self.interval, timedelta) or self.interval <= timedelta(0):
            raise ValueError(
                f"Interval({self.interval!r}) is not a period; write Interval(timedelta(hours=1))"
            )


@dataclass(frozen=True, slots=True)
class Cron:
    """A schedule on the wall clock of the site's ``time_zone``: ``Cron("0 8 * * 1-5")``.

    The five fields are minute, hour, day of the month, month and day of the week, as in crontab(5).
    A time that the clock skips in spring is due as much later: 2:30 at 3:30. A time that it shows
    twice in autumn is due once, at the first. What was due before a site had the schedule, or while
    it had another one, is not caught up on.
    """

    expression: str

    def __post_init__(self) -> None:
        from croniter import croniter

        fields = self.expression.split()
        at_random = any(_AT_RANDOM.search(field) for field in fields)
        if len(fields) != 5 or at_random or not croniter.is_valid(self.expression):
            raise ValueError(
                f"Cron({self.expression!r}) is not a schedule; write five fields: minute, hour,"
                " day, month, day of the week, such as Cron('0 8 * * *') for 8:00 every day"
            )
        next_date = croniter(self.expression, _LEAP_DAY).get_next  # raises where there is none
        try:
            next_date()
        except ValueError as error:
            raise ValueError(f"Cron({self.expression!r}) is never due: {error}") from None


@dataclass(frozen=True, slots=True)
class Job:
    """A function that runs outside of requests.

    ``func(run, **payload)`` is synchronous and runs on a thread; ``run`` is a
    :class:`~changemaker_core.JobRun`. ``name`` begins with the plugin's name and a dot.
    ``on_unknown(tx, **payload)`` and ``on_dead(tx, **payload)`` let the plugin's own rows follow
    when the executor, not ``func``, decides how a job ended; they run in the same transaction. A
    job whose ``on_dead`` raises ends all the same, and what that has written is undone; an
    ``on_unknown`` that raises is called again a minute later.

    ``hold_after``, at least an hour, is for what must not be done late or twice. If jobs wait in
    its ``queue`` and no executor has worked on it for that long, or if the database was restored,
    the whole queue is held until an operator releases it. To detect a restore, runs that reached
    ``run.at_risk`` are counted exactly, others to half a minute.

    ``at_most`` limits how many of this job run at once on all machines; without it, only the
    concurrency of its queue in each process does.

    ``cancellable=False`` is for what an operator must not suppress, such as mail that warns the
    owner of an account: only code cancels it, such as an erasure.

    ``expected`` is how long a run usually takes. One that takes twice as long is reported in the
    log; without it, one that takes five minutes.
    """

    name: str
    func: Callable[..., None]
    queue: str = "default"
    retries: RetryPolicy = field(default_factory=RetryPolicy)
    schedule: Interval | Cron | None = None
    on_unknown: Callable[..., None] | None = None
    on_dead: Callable[..., None] | None = None
    hold_after: timedelta | None = None
    at_most: int | None = None
    expected: timedelta | None = None
    cancellable: bool = True

    def __post_init__(self) -> None:
        if self.at_most is not None and self.at_most < 1:
            raise ValueError(f"Job({self.name!r}, at_most={self.at_most}) would never run; use 1")


@dataclass(frozen=True, slots=True)
class Subscription:
    """``func(run, **event)`` is run as a job for each ``tx.emit(event, …)``."""

    event: str
    func: Callable[..., None]


_QUEUE = re.compile(r"[a-z][a-z0-9-]*")


def _problems(job: Job) -> Iterator[tuple[str, str]]:
    func: object = job.func
    if not callable(func):
        problem = f"The function of the job {job.name!r} cannot be called."
        yield problem, "Write the function itself: Job('petitions.remind', remind)."
    elif inspect.iscoroutinefunction(func):
        problem = f"The function of the job {job.name!r} is `async`; jobs run on threads."
        yield problem, "Write `def` instead of `async def`."
    elif job.schedule is not None and (scheduled := call_problem(job, "func(run)")):
        yield scheduled  # its runs have no payload
    if not _QUEUE.fullmatch(job.queue):
        problem = f"The queue {job.queue!r} of the job {job.name!r} is no name of a queue."
        yield problem, "Name it with a-z, 0-9 and -, a letter first: queue='mail'."


JOBS = Kind(
    "cm_register_jobs",
    Job,
    named("job", "."),
    _problems,
    ("func(run, **payload)", "on_unknown(tx, **payload)", "on_dead(tx, **payload)"),
)
SUBSCRIPTIONS = Kind("cm_register_subscriptions", Subscription, calls=("func(run, **event)",))
