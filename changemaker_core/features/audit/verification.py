"""Verification: whether the log is as it was sealed, and the first entry that is not."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Final

import msgspec

from changemaker_core.audit.chain import GENESIS, commitment_of, hash_of
from changemaker_core.features.audit import queries, sealing
from changemaker_core.features.audit.reading import commitments_in

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from changemaker_core import Site

#: Entries that are read at once.
BATCH: Final = 1_000


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What does not fit, and the first entry that it is seen at, if it is one of them."""

    detail: str
    position: int | None = None
    entry: str | None = None

    def __str__(self) -> str:
        if self.position is None:
            return self.detail
        where = f"Entry {self.position}" + (f" ({self.entry})" if self.entry else "")
        return f"{where}: {self.detail}"


class Report(msgspec.Struct, frozen=True, kw_only=True):
    """What a verification found. ``open`` entries are not sealed yet; ``erased`` values belonged to
    persons, and are gone."""

    sealed: int
    open: int
    erased: int
    head: str | None
    problem: Problem | None

    @property
    def fits(self) -> bool:
        """Whether nothing was found."""
        return self.problem is None


class _Broken(Exception):
    def __init__(self, detail: str, position: int | None = None, entry: str | None = None) -> None:
        super().__init__(detail)
        self.problem = Problem(detail=detail, position=position, entry=entry)


class _Walk:
    """The chain, entry by entry."""

    def __init__(self, noted: str | None) -> None:
        self.position = 0
        self.hash = GENESIS
        self.erased = 0
        self.is_noted_seen = noted in (None, GENESIS)
        self._noted = noted

    def go_on(
        self, rows: Iterable[queries.EntryRow], values: Iterable[queries.PersonalRow]
    ) -> None:
        """Verify the next entries. Raises ``_Broken``."""
        of_entry: dict[str, list[queries.PersonalRow]] = {}
        for value in values:
            of_entry.setdefault(value.entry, []).append(value)
        for row in rows:
            self._next(row)
            self._check_values(row, of_entry.get(row.id, []))

    def _next(self, row: queries.EntryRow) -> None:
        if row.position != self.position + 1:
            detail = f"the entry at this position is missing: {row.position} comes next."
            raise _Broken(detail, self.position + 1)
        self.position += 1
        computed = hash_of(row, self.position, self.hash)
        if row.hash != computed:
            detail = "the entry, or its hash, is not what was sealed."
            raise _Broken(detail, self.position, row.id)
        self.hash = computed
        self.is_noted_seen = self.is_noted_seen or computed == self._noted

    def _check_values(self, row: queries.EntryRow, values: Sequence[queries.PersonalRow]) -> None:
        try:
            expected = commitments_in(json.loads(row.details))
        except (ValueError, RecursionError):
            raise _Broken("its details cannot be read.", self.position, row.id) from None
        for value in values:
            fits = value.at == row.at and value.commitment in expected
            if not fits or value.commitment != commitment_of(
                value.salt, value.person, value.at, value.value
            ):
                detail = "a person's value is not the one that was recorded."
                raise _Broken(detail, self.position, row.id)
        self.erased += len(expected) - len(values)


def verify(
    site: Site, noted: str | None = None, progress: Callable[[int], None] = lambda done: None
) -> Report:
    """Verify the whole chain; ``noted`` is a hash that it must contain.

    Blocks for the database. Entries that are sealed meanwhile are left for the next time.
    ``progress`` is called with the number of entries so far.
    """
    db, walk, problem = site.db.sync, _Walk(noted), None
    try:
        head: queries.Head | None = None
        while True:
            _walk_on(site, walk, progress)
            before, head = head, db.one(queries.head())
            # What was sealed meanwhile is walked too; what is missing does not come by waiting.
            if head is None or head == before or head.position <= walk.position:
                break
        _check_end(site, walk, head)
    except _Broken as error:
        problem = error.problem
    return Report(
        sealed=walk.position,
        open=db.count(queries.open_entries(limit=1)),
        erased=walk.erased,
        head=walk.hash if walk.position else None,
        problem=problem,
    )


def _walk_on(site: Site, walk: _Walk, progress: Callable[[int], None]) -> None:
    size = BATCH
    while True:
        try:
            rows = site.db.sync.all(queries.sealed_after(position=walk.position, limit=size))
            values = site.db.sync.all(queries.personal_of(entries=[row.id for row in rows]))
        except ValueError as error:  # what one of them holds is not even a time
            if size == 1:
                raise _Broken(f"it cannot be read: {error}.", walk.position + 1) from error
            size = 1
            continue
        if not rows:
            return
        walk.go_on(rows, values)
        progress(walk.position)


def _check_end(site: Site, walk: _Walk, head: queries.Head | None) -> None:
    """Compare the end of the chain with what was signed, and with what an operator has noted."""
    if head is None:
        if walk.position:
            raise _Broken("the signature of the chain's end is missing.", walk.position)
    else:
        if wrong := sealing.problem_of(site, head):
            raise _Broken(f"the chain cannot be trusted: {wrong}.")
        if walk.position < head.position:
            missing = f"the end is missing: {head.position} entries were sealed."
            raise _Broken(missing, walk.position + 1)
        if walk.position > head.position:
            raise _Broken("this site has sealed no further entry.", head.position + 1)
        if walk.hash != head.hash:
            raise _Broken("the chain is another one than this site has sealed.", walk.position)
    if not walk.is_noted_seen:
        raise _Broken(
            "the chain does not contain the noted hash: entries that it covered were removed or"
            " replaced, or the database was restored from an older backup."
        )
    if (orphan := site.db.sync.one(queries.orphans())) is not None:
        raise _Broken(f"a person's value names the entry {orphan.entry}, which is not there.")
