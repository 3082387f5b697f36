"""Queries of the audit log."""

from __future__ import annotations

from datetime import datetime
from typing import Final

import msgspec
import peewee

from changemaker_core import Query, compiled
from changemaker_core.audit import CoreAuditEntry, CoreAuditHead, CoreAuditPersonal

#: The name of the only row of ``CoreAuditHead``.
CHAIN: Final = "chain"


class EntryRow(msgspec.Struct, frozen=True, kw_only=True):
    """An entry as it is stored."""

    id: str
    at: datetime
    action: str
    object_id: str
    actor_kind: str
    actor_id: str
    request_id: str
    details: str
    position: int | None
    hash: str | None


class PersonalRow(msgspec.Struct, frozen=True, kw_only=True):
    """A person's value in an entry, with the salt of its commitment."""

    commitment: str
    entry: str
    at: datetime
    person: str
    salt: str
    value: str


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """How far the chain is sealed."""

    position: int
    hash: str
    signature: str
    sealed_at: datetime


class Action(msgspec.Struct, frozen=True):
    """What was done: ``petitions.petition.changed``."""

    action: str


class Commitment(msgspec.Struct, frozen=True):
    """The commitment of a value, and the entry that it names."""

    commitment: str
    entry: str


@compiled(EntryRow)
def entries(
    actor: str | None = None,
    action: str | None = None,
    object: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before_at: datetime | None = None,
    before_id: str | None = None,
    limit: int = 51,
    offset: int = 0,
) -> Query:
    """Entries, the newest first; from ``before_at`` and ``before_id`` on, the older ones.

    ``actor`` is the id of a user, who may have acted through a key; ``object`` is an id.
    """
    query = _chosen(actor, action, object, since, until)
    if before_at is not None and before_id is not None:
        older = (CoreAuditEntry.at < before_at) | (CoreAuditEntry.id < before_id)
        # Twice, so that the index finds the first of them.
        query = query.where(CoreAuditEntry.at <= before_at, older)
    order = (CoreAuditEntry.at.desc(), CoreAuditEntry.id.desc())
    return query.order_by(*order).limit(limit).offset(offset)


@compiled(EntryRow)
def listed(
    actor: str | None = None,
    action: str | None = None,
    object: str | None = None,
    at_from: datetime | None = None,
    at_until: datetime | None = None,
) -> Query:
    """Entries for a list that pages through them; the parameters are those of ``entries``."""
    query = _chosen(actor, action, object, at_from, at_until)
    return query.order_by(CoreAuditEntry.at.desc(), CoreAuditEntry.id.desc())


def _chosen(
    actor: str | None,
    action: str | None,
    object: str | None,
    since: datetime | None,
    until: datetime | None,
) -> Query:
    query = CoreAuditEntry.select_for(EntryRow)
    if actor is not None:
        query = query.where(CoreAuditEntry.actor_id == actor)
    if action is not None:
        query = query.where(CoreAuditEntry.action == action)
    if object is not None:
        query = query.where(CoreAuditEntry.object_id == object)
    if since is not None:
        query = query.where(CoreAuditEntry.at >= since)
    if until is not None:
        query = query.where(CoreAuditEntry.at < until)
    return query


@compiled(Action)
def actions() -> Query:
    """The actions that there are entries of."""
    return CoreAuditEntry.select_for(Action).distinct().order_by(CoreAuditEntry.action)


@compiled(EntryRow)
def sealed_after(position: int, limit: int) -> Query:
    """Sealed entries after a position, in the order of the chain."""
    after = CoreAuditEntry.position > position
    return (
        CoreAuditEntry.select_for(EntryRow)
        .where(after)
        .order_by(CoreAuditEntry.position)
        .limit(limit)
    )


@compiled(EntryRow)
def last_sealed() -> Query:
    """The last entry of the chain."""
    return (
        CoreAuditEntry.select_for(EntryRow)
        .where(CoreAuditEntry.position.is_null(False))
        .order_by(CoreAuditEntry.position.desc())
        .limit(1)
    )


@compiled(EntryRow)
def open_entries(limit: int) -> Query:
    """Entries that are not sealed yet, the oldest first."""
    return (
        CoreAuditEntry.select_for(EntryRow)
        .where(CoreAuditEntry.position.is_null())
        .order_by(CoreAuditEntry.id)
        .limit(limit)
    )


@compiled(EntryRow)
def entries_by_id(ids: list[str]) -> Query:
    """Some entries."""
    return CoreAuditEntry.select_for(EntryRow).where(CoreAuditEntry.id.in_(ids))


@compiled(PersonalRow)
def personal_of(entries: list[str]) -> Query:
    """The persons' values in some entries."""
    return CoreAuditPersonal.select_for(PersonalRow).where(CoreAuditPersonal.entry.in_(entries))


@compiled(PersonalRow)
def values_of(persons: list[str]) -> Query:
    """The values of persons, in whichever entries they are."""
    return CoreAuditPersonal.select_for(PersonalRow).where(CoreAuditPersonal.person.in_(persons))


@compiled(Commitment)
def orphans(limit: int = 1) -> Query:
    """Values that name an entry that is not there."""
    entry = CoreAuditEntry.alias()
    missing = ~peewee.fn.EXISTS(entry.select(entry.id).where(entry.id == CoreAuditPersonal.entry))
    return CoreAuditPersonal.select_for(Commitment).where(missing).limit(limit)


@compiled(Head)
def head(name: str = CHAIN) -> Query:
    """The end of the chain."""
    return CoreAuditHead.select_for(Head).where(CoreAuditHead.name == name)
