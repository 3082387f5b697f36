"""Counting messages as they are sent, and reading the counts."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any, Final
from zoneinfo import ZoneInfo

import msgspec

from changemaker_core import ERASED, NotFound, new_id
from changemaker_influence.campaigns.goals import goal_now
from changemaker_influence.directories.levels import LEVELS
from changemaker_influence.numbers import queries
from changemaker_influence.numbers.models import SentInPeriod, SentToRecipient
from changemaker_influence.numbers.schemas import CampaignStats, DayCount, LevelCount

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from changemaker_core import Site
    from changemaker_influence.numbers.queries import PeriodCount
    from changemaker_influence.numbers.schemas import DistrictCount

PERIOD: Final = timedelta(minutes=30)


class SentLetter(msgspec.Struct, frozen=True, kw_only=True):
    """What is counted of a sent message. The recipient's address is empty once they were erased."""

    recipient_email: str
    recipient_name: str
    recipient_level: str | None
    recipient_district: str | None
    sent_at: datetime | None


def count(campaign_id: str, letter: SentLetter, now: datetime) -> None:
    """Count a message that was sent, in the transaction that records it."""
    period = beginning_of(letter.sent_at or now)
    SentInPeriod.insert(campaign=campaign_id, period=period, sent=1).on_conflict(
        conflict_target=[SentInPeriod.campaign, SentInPeriod.period],
        update={SentInPeriod.sent: SentInPeriod.sent + 1},
    ).execute()
    values = {
        SentToRecipient.name: letter.recipient_name,
        SentToRecipient.level: letter.recipient_level or "",
        SentToRecipient.district: letter.recipient_district or "",
    }
    SentToRecipient.insert(
        {
            SentToRecipient.id: new_id(),
            SentToRecipient.campaign: campaign_id,
            SentToRecipient.recipient: letter.recipient_email or new_id(),
            SentToRecipient.sent: 1,
            **values,
        }
    ).on_conflict(
        conflict_target=[SentToRecipient.campaign, SentToRecipient.recipient],
        update={**values, SentToRecipient.sent: SentToRecipient.sent + 1},
    ).execute()


def erase(condition: Any, most: int) -> int:
    """Anonymise recipients of tallies: their messages stay counted. Return how many there were."""
    rows = list(SentToRecipient.select(SentToRecipient.id).where(condition).limit(most))
    for row in rows:
        # Each under an id of its own: two who were erased must not become one.
        update = SentToRecipient.update(recipient=new_id(), name=ERASED)
        update.where(SentToRecipient.id == row.id).execute()
    return len(rows)


async def stats_of(site: Site, campaign_id: str, days: int | None) -> CampaignStats:
    """Return a campaign's numbers; ``days`` is how many, or ``None`` for all since the first.

    Raises ``NotFound``.
    """
    totals = await site.db.one(queries.totals_of(campaign_id=campaign_id))
    if totals is None:
        raise NotFound
    zone = ZoneInfo(site.time_zone)
    today = site.clock().astimezone(zone).date()
    first = None if days is None else today - timedelta(days=days - 1)
    since = None if first is None else datetime.combine(first, time.min, zone).astimezone(UTC)
    periods = await site.db.all(queries.periods_of(campaign_id=campaign_id, since=since))
    by_district = await site.db.all(queries.districts_of(campaign_id=campaign_id))
    recipients = await site.db.all(queries.recipients_of(campaign_id=campaign_id))
    sent = totals.sent or 0
    return CampaignStats(
        sent=sent,
        failed=totals.failed or 0,
        goal=goal_now(totals.goal, sent),
        time_zone=site.time_zone,
        days=days_of(periods, zone, first, today),
        levels=levels_of(by_district),
        districts=districts_by_sent(by_district)[: queries.MOST],
        recipients=sorted(recipients, key=lambda each: (-each.sent, each.name)),
    )


def beginning_of(moment: datetime) -> datetime:
    """Return the beginning of the half hour that a moment is in.

    >>> beginning_of(datetime(2026, 5, 1, 12, 44, 59, 7, UTC))
    datetime.datetime(2026, 5, 1, 12, 30, tzinfo=datetime.timezone.utc)
    """
    moment = moment.astimezone(UTC)
    return moment.replace(minute=moment.minute // 30 * 30, second=0, microsecond=0)


def days_of(
    periods: Iterable[PeriodCount], zone: ZoneInfo, first: date | None, today: date
) -> list[DayCount]:
    """Return each day from ``first``, or from the first that has messages, to ``today``.

    Days without messages are among them: a plot that leaves them out shows a steady campaign.
    """
    sent: Counter[date] = Counter()
    for each in periods:
        sent[each.period.astimezone(zone).date()] += each.sent
    begin = first or min(sent, default=today)
    count = (max(today, *sent, begin) - begin).days + 1 if sent else (today - begin).days + 1
    return [DayCount(day, sent[day]) for day in (begin + timedelta(days=n) for n in range(count))]


def districts_by_sent(counts: Sequence[DistrictCount]) -> list[DistrictCount]:
    """Return the known ridings, those with most messages first."""
    known = [each for each in counts if each.district]
    return sorted(known, key=lambda each: (-each.sent, each.district))


def levels_of(counts: Iterable[DistrictCount]) -> list[LevelCount]:
    """Return the messages by level in the order of governments, own recipients last."""
    sent: Counter[str] = Counter()
    for each in counts:
        sent[each.level] += each.sent
    levels = [LevelCount(level, sent[level]) for level in LEVELS if sent[level]]
    return [*levels, LevelCount(None, sent[""])] if sent[""] else levels
