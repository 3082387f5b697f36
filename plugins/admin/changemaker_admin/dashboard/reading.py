"""What the dashboard shows one person: cards, what waits, and the checklist of a new site."""

from __future__ import annotations

import asyncio
import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Any, TypeVar
from zoneinfo import ZoneInfo

from changemaker_admin.dashboard.numbers import DAYS, Numbers
from changemaker_admin.dashboard.schemas import DashboardOut, ShownCard, ShownStep, Waiting
from changemaker_admin.dashboard.settings import AdminSettings

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from datetime import date

    from changemaker_admin.declarations import Attention, Card, Count, Step
    from changemaker_core import Actor, Site

T = TypeVar("T")

log = logging.getLogger(__name__)

#: Seconds after which a value is read again; a write to what it was read from comes first.
_SECONDS = 60.0


async def dashboard_of(site: Site, actor: Actor) -> DashboardOut:
    """Return what ``actor`` sees, each part only where they hold its permission.

    What cannot be read is logged, and left out of what waits; a card then says so.
    """
    cards, waiting, steps = await asyncio.gather(
        _each(site, actor, "admin_register_cards", _card),
        _each(site, actor, "admin_register_attention", _waiting),
        _steps(site, actor),
    )
    return DashboardOut(
        cards=cards,
        waiting=sorted((each for each in waiting if each is not None), key=_urgency),
        steps=steps,
    )


def _urgency(waiting: Waiting) -> int:
    return ("danger", "warning", "info").index(waiting.severity)


def today_of(site: Site) -> date:
    """Return the day that it is in the site's time zone."""
    return site.clock().astimezone(ZoneInfo(site.time_zone)).date()


async def _each(
    site: Site,
    actor: Actor,
    hook: str,
    read: Callable[[Site, Any, list[str] | None], Awaitable[T]],
) -> list[T]:
    """Read what a hook's items are for ``actor``, in their order."""
    found = sorted((each.item for each in site.call_hook(hook, site=site)), key=_order)
    seen = [(item, actor.objects(item.permission)) for item in found if _is_for(item, actor)]
    return await asyncio.gather(*(read(site, item, objects) for item, objects in seen))


def _order(item: Card | Attention | Step) -> int:
    return item.order


def _is_for(item: Card | Attention, actor: Actor) -> bool:
    if item.on is None:
        return actor.has_permission(item.permission)
    return actor.objects(item.permission) != []


async def _card(site: Site, card: Card, objects: list[str] | None) -> ShownCard:
    try:
        shown = await _values(site, card, objects)
    except Exception:
        log.exception("The card %s of the dashboard cannot be read", card.name)
        shown = None
    number = shown if isinstance(shown, int) else None
    days = shown if isinstance(shown, Numbers) else None
    return ShownCard(title=card.title, link=card.link, number=number, days=days)


async def _values(site: Site, card: Card, objects: list[str] | None) -> int | Numbers:
    if card.number is not None:
        return await _counted(site, card.name, card.number, objects)
    daily = card.daily
    assert daily is not None  # noqa: S101  # `Card.problems` reports it
    last = today_of(site)
    first = last - timedelta(days=2 * DAYS - 1)

    async def make() -> list[int]:
        by_day = await daily(site, objects, first, last)
        return [by_day.get(first + timedelta(days=n), 0) for n in range(2 * DAYS)]

    key = ("admin.card", card.name, last.isoformat(), _key(objects))
    counts = await site.cache.get_or_make(key, make, seconds=_SECONDS, type=list[int])
    return Numbers.of(counts, last)


async def _waiting(site: Site, each: Attention, objects: list[str] | None) -> Waiting | None:
    try:
        count = await _counted(site, each.name, each.count, objects)
    except Exception:
        log.exception("%s of the dashboard cannot be counted", each.name)
        return None
    if not count:
        return None
    return Waiting(
        title=each.title,
        detail=each.detail,
        link=each.link,
        severity=each.severity,
        count=count if each.counted else None,
    )


async def _counted(site: Site, name: str, count: Count, objects: Sequence[str] | None) -> int:
    key = ("admin.count", name, _key(objects))
    number: int = await site.cache.get_or_make(
        key, lambda: count(site, objects), seconds=_SECONDS, type=int
    )
    return number


def _key(objects: Sequence[str] | None) -> tuple[str, ...] | None:
    return None if objects is None else tuple(objects)


async def _steps(site: Site, actor: Actor) -> list[ShownStep]:
    """Return the steps of the checklist for those who can do one of them.

    None once all are done that are not optional, or somebody has put the checklist away.
    """
    if not site.settings(AdminSettings).checklist:
        return []
    found = sorted((c.item for c in site.call_hook("admin_register_steps", site=site)), key=_order)
    if not any(actor.has_permission(step.permission) for step in found):
        return []
    done = await asyncio.gather(*(_is_done(site, step) for step in found))
    if all(each or step.optional for step, each in zip(found, done, strict=True)):
        return []
    return [
        ShownStep(
            title=step.title,
            detail=step.detail,
            link=step.link if actor.has_permission(step.permission) else None,
            done=is_done,
            optional=step.optional,
        )
        for step, is_done in zip(found, done, strict=True)
    ]


async def _is_done(site: Site, step: Step) -> bool:
    try:
        done: bool = await site.cache.get_or_make(
            ("admin.step", step.name), lambda: step.done(site), seconds=_SECONDS, type=bool
        )
    except Exception:
        log.exception("Whether the step %s is done cannot be read", step.name)
        return False
    return done
