"""How long personal data is kept: what is too old is deleted or anonymised."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final, NamedTuple

from changemaker_core import ConfigError, Interval, Job, did_you_mean
from changemaker_core.features.privacy.config import PrivacyConfig
from changemaker_core.features.privacy.services import kinds_of

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from changemaker_core import JobRun, Site
    from changemaker_core.features.privacy.declarations import PersonalData, Retention


class Expiring(NamedTuple):
    """A kind of data that is not kept for ever: ``days`` are those of this site."""

    kind: PersonalData
    retention: Retention
    days: int

    def before(self, now: datetime) -> datetime:
        """Return the time before which data is too old."""
        return now - timedelta(days=self.days)


def days_of(site: Site, kind: PersonalData) -> int | None:
    """Return after how many days a kind of data expires on this site; ``None`` for never."""
    if kind.retention is None:
        return None
    chosen = site.config_of(PrivacyConfig).retention_days
    return chosen.get(kind.name, kind.retention.days) or None


def expiring(site: Site) -> Iterator[Expiring]:
    """Yield the kinds of data that expire on this site."""
    for kind in kinds_of(site):
        days = days_of(site, kind)
        if kind.retention is not None and days is not None:
            yield Expiring(kind, kind.retention, days)


def count_expired(site: Site) -> list[tuple[Expiring, int]]:
    """Return how many rows of each kind are too old."""
    now = site.clock()
    return [
        (each, site.db.sync.read(each.retention.count, each.before(now))) for each in expiring(site)
    ]


def expire(site: Site) -> list[tuple[Expiring, int]]:
    """Delete or anonymise what is too old; return how many rows of each kind that were."""
    now, done = site.clock(), []
    for each, found in count_expired(site):
        total = 0
        while found and (count := site.db.sync.write(each.retention.expire, each.before(now))):
            total += count
        done.append((each, total))
    return done


def run_retention(run: JobRun) -> None:
    """Delete or anonymise what is too old, each kind in transactions of its own.

    What is too old is counted first: looking through a table keeps no writer waiting.
    """
    now = run.site.clock()
    for each in expiring(run.site):
        before = each.before(now)
        if run.read(each.retention.count, before):
            while run.write(each.retention.expire, before):
                pass


def check_days(site: Site) -> None:
    """Raise ``ConfigError`` for a period of a kind that core or a loaded plugin does not have.

    A plugin that is not loaded may have its kinds: `doctor` reports those.
    """
    kinds = [kind.name for kind in kinds_of(site)]
    owners = {"core", *(plugin.name for plugin in site.loaded.plugins)}
    known = [kind.name for kind in kinds_of(site) if kind.retention is not None]
    problems = []
    for name in wrong_kinds(site):
        if name.partition(".")[0] not in owners:
            continue
        what = "has no period that can be set" if name in kinds else "is no kind of personal data"
        message = f"names {name!r}, which {what}.{did_you_mean(name, known)}"
        problems.append(site.config.problem(("privacy", "retention_days"), message))
    if problems:
        raise ConfigError(tuple(problems))


def wrong_kinds(site: Site) -> Iterator[str]:
    """Yield the names in ``[privacy.retention_days]`` of which no data expires."""
    known = {kind.name for kind in kinds_of(site) if kind.retention is not None}
    yield from sorted(site.config_of(PrivacyConfig).retention_days.keys() - known)


JOBS: Final = (Job("privacy.retention", run_retention, schedule=Interval(timedelta(days=1))),)
