"""Sealing: one leader gives entries their place in the chain, after they were committed.

Who records an entry never waits for the chain, and a transaction that is rolled back leaves no
hole in it. The end of the chain is signed with the site's secret key, so that nobody who can write
to the database alone can put another chain in its place.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Final, NamedTuple

from changemaker_core import BadSignature
from changemaker_core.audit import CoreAuditEntry, CoreAuditHead
from changemaker_core.audit.chain import GENESIS, hash_of
from changemaker_core.features.audit import queries

if TYPE_CHECKING:
    from changemaker_core import JobRun, Signer, Site, Tx

log = logging.getLogger(__name__)

LOCK: Final = "core.audit"
#: Entries that are sealed in one transaction: other writers of SQLite wait meanwhile.
BATCH: Final = 500


class BrokenHead(Exception):
    """The end of the chain is not what this site has signed; nothing is added to it."""


class End(NamedTuple):
    """The last entry's position and hash."""

    position: int
    hash: str


def seal_all(run: JobRun) -> None:
    """Seal every open entry, in batches. A chain whose end was changed is left as it is, for
    ``changemaker audit verify`` to say what happened."""
    try:
        while run.write(seal, run.site) == BATCH:
            pass
    except BrokenHead as error:
        log.error("the audit log is not sealed any further: %s", error)


def seal(tx: Tx, site: Site) -> int:
    """Seal a batch of entries, and return how many. Raises ``BrokenHead``."""
    tx.lock(LOCK)
    end = signed_end(site)
    entries = queries.open_entries(limit=BATCH).all()
    for entry in entries:
        hash = hash_of(entry, end.position + 1, end.hash)
        end = End(end.position + 1, hash)
        CoreAuditEntry.update(position=end.position, hash=hash).where(
            CoreAuditEntry.id == entry.id
        ).execute()
    if entries:
        _sign(tx, site, end)
        # The log of the process bears witness of what an intruder changes in the database later.
        message = "the audit log is sealed up to entry %d: %s"
        tx.after_commit(lambda: log.info(message, end.position, end.hash))
    return len(entries)


def sign_again(tx: Tx, site: Site) -> int:
    """Sign the end of the chain with the present secret key; return how many signatures there are.

    An end that does not verify keeps its signature: ``changemaker audit verify`` reports it.
    """
    tx.lock(LOCK)
    try:
        end = signed_end(site)
    except BrokenHead as error:
        log.error("the end of the audit log is not signed anew: %s", error)
        return 0
    if end.position:
        _sign(tx, site, end)
    return 1 if end.position else 0


def signed_end(site: Site) -> End:
    """Return the end of the chain, inside a unit of work. Raises ``BrokenHead``."""
    head, last = queries.head().one(), queries.last_sealed().one()
    if head is None:
        if last is not None:
            raise BrokenHead("its signature is missing")
        return End(0, GENESIS)
    if problem := problem_of(site, head):
        raise BrokenHead(problem)
    if last is None or (last.position, last.hash) != (head.position, head.hash):
        at = "nothing" if last is None else f"entry {last.position}"
        raise BrokenHead(f"it ends with {at}, and entry {head.position} was the last one")
    return End(head.position, head.hash)


def problem_of(site: Site, head: queries.Head) -> str:
    """Return what is wrong with the signature of the chain's end; ``""`` where it is right."""
    try:
        position, hash = _signer(site).read(head.signature, tuple[int, str])
    except BadSignature:
        return (
            "its end was not signed by this site, or with a secret_key that is not among"
            " previous_secret_keys"
        )
    if (position, hash) != (head.position, head.hash):
        return f"its signed end is entry {position} with the hash {hash}"
    return ""


def _signer(site: Site) -> Signer:
    return site.signer("core.audit")


def _sign(tx: Tx, site: Site, end: End) -> None:
    values = {
        "position": end.position,
        "hash": end.hash,
        "signature": _signer(site).write(end),
        "sealed_at": tx.now,
    }
    row = CoreAuditHead.insert(name=queries.CHAIN, **values)
    row.on_conflict(conflict_target=[CoreAuditHead.name], update=values).execute()
