"""What a sender is shown of their message's way."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from changemaker_influence.emails.queries import (
    EmailState,
    repeats_of_action,
    state_of_email,
    state_of_repeat,
    states_of_action,
)
from changemaker_influence.states import FINAL

if TYPE_CHECKING:
    from datetime import datetime

    from changemaker_core import Database

#: A repeated message seems to take as long as a new one does, or it would tell a stranger that
#: somebody had written before.
SEEMS_TO_TAKE: Final = timedelta(seconds=2)


async def state_of(db: Database, id: str, now: datetime) -> EmailState | None:
    """The message that was promised under ``id``, as its sender sees it at ``now``."""
    found = await db.one(state_of_email(id=id))
    if found is None:
        found = await db.one(state_of_repeat(id=id))
    return as_seen(found, now) if found is not None else None


async def states_with(db: Database, state: EmailState, now: datetime) -> list[EmailState]:
    """Everything that was promised together with ``state``, by the recipients' names."""
    first = await db.all(states_of_action(action_id=state.action_id))
    repeated = await db.all(repeats_of_action(action_id=state.action_id))
    every = [as_seen(each, now) for each in (*first, *repeated)]
    return sorted(every, key=lambda each: (each.recipient_name, each.id))


def as_seen(state: EmailState, now: datetime) -> EmailState:
    """A repeated message looks like a new one: queued at first, and sent after it was asked for."""
    if state.repeated_at is None or state.status not in FINAL:
        return state
    ready = state.repeated_at + SEEMS_TO_TAKE
    if now < ready:
        return msgspec.structs.replace(state, status="QUEUED", sent_at=None)
    sent_at = max(state.sent_at, ready) if state.sent_at else None
    return msgspec.structs.replace(state, sent_at=sent_at)
