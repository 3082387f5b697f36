"""The history of one letter: what happened to it, when, and who decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, Literal

from changemaker_core import Text
from changemaker_core.features.audit import api as audit
from changemaker_core.features.operations import api as operations
from changemaker_influence.emails.jobs import QUEUE
from changemaker_influence.letters import reasons
from changemaker_influence.letters.queries import tries_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from datetime import datetime

    from changemaker_core import Site
    from changemaker_core.features.audit.api import EntryOut
    from changemaker_influence.letters.queries import LetterDetail, Try
    from changemaker_influence.states import EmailStatus

Tone = Literal["", "ok", "warn", "danger"]
#: Entries of the audit log about one letter that are shown: each is a person's decision.
MOST: Final = 50


@dataclass(frozen=True, slots=True)
class Step:
    """Something that happened to a letter: at what time, what, and why or what was replied.

    ``by`` is who decided it, ``until`` a time that it lasts to.
    """

    at: datetime
    title: Text
    tone: Tone = ""
    reason: Text | None = None
    reply: str = ""
    by: str | None = None
    until: datetime | None = None
    link: str = ""


_DECISIONS: Final[Mapping[str, tuple[Text, Tone]]] = {
    "influence.message.retried": (Text("Sent again, by a person's decision"), ""),
    "influence.message.cancelled": (Text("Cancelled"), "warn"),
    "influence.message.settled": (Text("Settled"), ""),
}
_SETTLED: Final[Mapping[object, tuple[Text, Tone]]] = {
    "sent": (Text("Settled: it was sent"), "ok"),
    "not_sent": (Text("Settled: it was not sent"), "danger"),
}
_TRIES: Final[Mapping[EmailStatus, tuple[Text, Tone]]] = {
    "QUEUED": (Text("Not delivered: it is tried again"), "warn"),
    "FAILED": (Text("Failed: it is not tried again"), "danger"),
    "UNKNOWN": (Text("Outcome unknown"), "danger"),
}
_HOLDS: Final[Mapping[str, Text]] = {
    "operations.queue.held": Text("All mail was held"),
    "operations.queue.released": Text("Mail was released"),
}


async def history_of(site: Site, letter: LetterDetail) -> list[Step]:
    """Return what happened to a letter, the first step first."""
    tries = await site.db.all(tries_of(id=letter.id))
    decided = await _entries(site, object=letter.id)
    held = await _entries(site, object=QUEUE, since=letter.created_at, until=_end_of(letter))
    steps = [
        *_own_steps(letter),
        *map(_of_try, tries),
        *_decisions(decided),
        *_holds(held),
        *_without_record(letter, tries, decided),
    ]
    return sorted(steps, key=lambda each: each.at)


async def next_try_of(site: Site, letter: LetterDetail) -> datetime | None:
    """Return when a letter that waits is tried next, where that is known."""
    if letter.status != "QUEUED" or letter.job_id is None:
        return None
    job = await site.db.read(operations.job_detail, letter.job_id)
    return None if job is None else job.due_at


async def _entries(site: Site, **filters: Any) -> list[EntryOut]:
    rows = await site.db.all(audit.entries(**filters, limit=MOST))
    return await audit.with_values(site, rows)


def _end_of(letter: LetterDetail) -> datetime | None:
    """Return when the letter stopped to wait; ``None`` while it waits."""
    return None if letter.status in ("QUEUED", "SENDING") else letter.sent_at or letter.updated_at


def _own_steps(letter: LetterDetail) -> Iterator[Step]:
    """Yield what the letter itself has the times of."""
    yield Step(letter.created_at, Text("Written, and accepted to be sent"))
    if letter.send_after is not None:
        why = Text("Many people had written from the same network or to the same mailbox.")
        yield Step(letter.created_at, Text("Delayed"), "warn", why, until=letter.send_after)
    if letter.repeats is not None and letter.status == "SENT":
        link = f"/admin/letters/{letter.repeats}"
        at = letter.sent_at or letter.updated_at
        yield Step(at, Text("Not sent a second time"), "ok", reasons.REPEATED, link=link)
        return
    if letter.sending_at is not None and letter.status in ("SENDING", "SENT", "UNKNOWN"):
        yield Step(letter.sending_at, Text("Handed over to the mail server"))
    if letter.sent_at is not None and letter.settled_at is None:
        yield Step(letter.sent_at, Text("Sent: the mail server accepted it"), "ok")


def _of_try(each: Try) -> Step:
    title, tone = _TRIES[each.outcome]
    if each.outcome == "UNKNOWN":
        return Step(each.at, title, tone, reasons.UNKNOWN)
    if not each.reply:
        return Step(each.at, title, tone, Text("The time for tries has ended."))
    return Step(each.at, title, tone, reasons.meaning_of(each.reply), each.reply)


def _decisions(entries: Iterable[EntryOut]) -> Iterator[Step]:
    for entry in entries:
        if entry.action not in _DECISIONS:
            continue
        title, tone = _DECISIONS[entry.action]
        outcome = next((each.after for each in entry.changes if each.field == "outcome"), None)
        title, tone = _SETTLED.get(outcome, (title, tone))
        yield Step(entry.at, title, tone, by=_name_of(entry))


def _holds(entries: Iterable[EntryOut]) -> Iterator[Step]:
    for entry in entries:
        if entry.action in _HOLDS:
            reason = next((each.after for each in entry.changes if each.field == "reason"), "")
            why = operations.REASONS.get(str(reason))
            yield Step(entry.at, _HOLDS[entry.action], "warn", why, by=_name_of(entry))


def _name_of(entry: EntryOut) -> str | None:
    """Return who has decided; ``None`` for the site itself, and the command line."""
    return entry.actor.name if entry.actor.kind in ("user", "key") else None


def _without_record(
    letter: LetterDetail, tries: Iterable[Try], decided: Iterable[EntryOut]
) -> Iterator[Step]:
    """Yield the end of a letter of which no try or decision is recorded: an old one, or one that
    ended with its recipient."""
    actions = {entry.action for entry in decided}
    outcomes = {each.outcome for each in tries}
    if letter.status in ("FAILED", "UNKNOWN") and letter.settled_at is None:
        if letter.status not in outcomes:
            title, tone = _TRIES[letter.status]
            meaning = reasons.meaning_of(letter.error)
            yield Step(letter.updated_at, title, tone, meaning, letter.error or "")
    if letter.status == "CANCELLED" and "influence.message.cancelled" not in actions:
        yield Step(letter.updated_at, Text("Cancelled"), "warn")
    if not letter.sender_email:
        yield Step(letter.updated_at, Text("Made anonymous"), reason=reasons.ERASED_SENDER)
