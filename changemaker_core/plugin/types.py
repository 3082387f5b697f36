"""What plugins contribute: one frozen dataclass for each kind, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import timedelta
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Mapping

    from changemaker_core.http.request import Request
    from changemaker_core.identity.actor import Actor
    from changemaker_core.site import Site


@dataclass(frozen=True, slots=True)
class Route:
    """A Falcon resource at a path.

    Every responder of ``resource`` carries ``@endpoint``; one without it is refused at boot.
    Item parameters are named ``{id}`` or ``{slug}``.
    """

    path: str
    resource: object
    suffix: str | None = None
    name: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Backoff:
    """When a failed job is tried again.

    The wait doubles from ``first`` up to ``longest``, each with up to 20 % of jitter, until the
    job is ``within`` old or was tried ``attempts`` times; then the job is dead.
    """

    first: timedelta = timedelta(seconds=10)
    longest: timedelta = timedelta(hours=1)
    within: timedelta = timedelta(hours=24)
    attempts: int | None = None


@dataclass(frozen=True, slots=True)
class Every:
    """A schedule: due at each multiple of ``interval`` since 1970-01-01 UTC."""

    interval: timedelta


@dataclass(frozen=True, slots=True)
class Job:
    """A function that runs outside of requests.

    ``func(run, **payload)`` is synchronous and runs on a thread; ``run`` is a
    :class:`~changemaker_core.JobRun`. ``name`` begins with the plugin's name and a dot.
    ``on_unknown(tx, **payload)`` and ``on_dead(tx, **payload)`` let the plugin's own rows follow
    when the executor, not ``func``, decides how a job ended; they run in the same transaction.

    ``hold_after``, at least an hour, is for what must not be done late or twice: the job's whole
    ``queue`` is held, until an operator releases it, where jobs wait in it and nobody has worked
    for it for so long, or the database turns out to have been restored. What ``func`` does after
    ``run.at_risk`` is counted for that exactly; other runs to half a minute.
    """

    name: str
    func: Callable[..., None]
    queue: str = "default"
    retries: Backoff = field(default_factory=Backoff)
    schedule: Every | None = None
    on_unknown: Callable[..., None] | None = None
    on_dead: Callable[..., None] | None = None
    hold_after: timedelta | None = None


@dataclass(frozen=True, slots=True)
class Subscription:
    """``func(run, **event)`` is run as a job for each ``tx.emit(event, …)``."""

    event: str
    func: Callable[..., None]


@dataclass(frozen=True, slots=True)
class Sample:
    """One value of a metric that is read from the database."""

    value: float
    labels: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Metric:
    """A Prometheus metric, named ``cm_…`` in base units.

    With ``read``, it is answered from the database at each scrape: ``read()`` runs inside
    ``site.db.read`` and returns samples, so every process tells the same and a restart loses
    nothing. Without, it is a process metric that the plugin increments through
    ``site.metrics.counter(name)`` and which is merged over processes.
    """

    name: str
    help: str
    kind: Literal["counter", "gauge"] = "counter"
    labels: tuple[str, ...] = ()
    read: Callable[[], Iterable[Sample]] | None = None


@dataclass(frozen=True, slots=True)
class Permission:
    """Something that a role may be allowed to do: ``influence.campaign.write``."""

    name: str
    description: str


@dataclass(frozen=True, slots=True)
class Role:
    """A named set of permissions that ships with a plugin: ``INFLUENCE_ADMIN``."""

    name: str
    description: str
    permissions: frozenset[str]


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """``check(site)`` returns when all is well and raises, saying what is not, otherwise.

    Where it is not ``vital``, the site does its work without it: a failure is a warning.
    """

    name: str
    check: Callable[[Site], Awaitable[None]]
    vital: bool = True


@dataclass(frozen=True, slots=True)
class Authenticator:
    """One way in which a request proves who is asking.

    ``find(request)`` answers ``None`` when the request carries no credential of this kind (the
    next one is asked), an actor when it carries a good one, and raises ``Unauthorized`` when it
    carries a bad one: a bad credential never falls back to another. Lower ``order`` is asked first.
    """

    name: str
    find: Callable[[Request], Awaitable[Actor | None]]
    order: int = 100
