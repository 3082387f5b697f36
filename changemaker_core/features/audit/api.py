"""What other features and the command line may import of the audit log."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from changemaker_core.audit import CoreAuditPersonal, person_key
from changemaker_core.features.audit import queries
from changemaker_core.features.audit.reading import with_values_now
from changemaker_core.features.audit.schemas import EntryOut

if TYPE_CHECKING:
    from collections.abc import Collection, Iterator
    from datetime import datetime

    import peewee

    from changemaker_core import Tx

__all__ = ["EntryOut", "count_values", "entries_of", "erase_before", "erase_person"]

_BATCH: Final = 200


def entries_of(person: str) -> Iterator[EntryOut]:
    """Yield the entries of a person, the oldest first: what they did, and what was done to them.

    ``person`` is the id of a user or an email address. Runs in a unit of work: it is for the export
    of a person's data.
    """
    key, after = person_key(person), "00000000-0000-0000-0000-000000000000"
    while rows := queries.entries_of_person(person=key, after=after, limit=_BATCH).all():
        yield from with_values_now(rows)
        after = rows[-1].id


def count_values(persons: Collection[str]) -> int:
    """Return how many values ``erase_person`` would delete. Runs in a unit of work."""
    return int(CoreAuditPersonal.select().where(_of(persons)).count())


def erase_person(tx: Tx, persons: Collection[str], most: int = 1_000) -> int:
    """Delete a person's names, addresses and other values from the audit log; return how many.

    ``persons`` are the id of the user and their email addresses. The entries stay, with the ids of
    users, and ``changemaker audit verify`` still holds. At most ``most`` values are deleted: call
    it in a transaction of its own until it returns 0. What it did is recorded as an entry.
    """
    deleted = _delete(_of(persons), most)
    if deleted:
        tx.audit("audit.person.erased", after={"values": deleted})
    return deleted


def erase_before(tx: Tx, moment: datetime, most: int = 1_000) -> int:
    """Delete values of all persons in entries from before ``moment``; return how many, as
    ``erase_person`` does."""
    deleted = _delete(CoreAuditPersonal.at < moment, most)
    if deleted:
        tx.audit("audit.persons.erased", after={"before": moment, "values": deleted})
    return deleted


def _of(persons: Collection[str]) -> peewee.Expression:
    return CoreAuditPersonal.person.in_([person_key(each) for each in persons if each])


def _delete(which: peewee.Expression, most: int) -> int:
    chosen = CoreAuditPersonal.select(CoreAuditPersonal.commitment).where(which).limit(most)
    these = CoreAuditPersonal.commitment.in_(chosen)
    return int(CoreAuditPersonal.delete().where(these).execute())
