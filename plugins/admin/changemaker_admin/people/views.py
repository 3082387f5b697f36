"""What is stored about a person, as an organiser reads it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from changemaker_core.features.privacy import api as privacy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from datetime import datetime

    from changemaker_core import GivenConsent, Person, PersonalData, PersonalEntry

_AUDIT: Final = "audit.values"
#: Rows of a kind that are shown. The download has all.
SHOWN: Final = 50


@dataclass(frozen=True, slots=True)
class Row:
    """One row: how it is read in a list, and everything that is in it, by the names of columns."""

    entry: PersonalEntry
    values: list[tuple[str, Any]]


@dataclass(frozen=True, slots=True)
class Section:
    """The rows of one kind, as many as are shown, and how many there are."""

    kind: PersonalData
    rows: list[Row]
    count: int

    @property
    def more(self) -> int:
        """How many rows are not shown."""
        return self.count - len(self.rows)


@dataclass(frozen=True, slots=True)
class Agreement:
    """One wording that the person agreed to: with how many actions, first and last."""

    consent: GivenConsent
    times: int
    first: datetime
    last: datetime


@dataclass(frozen=True, slots=True)
class PersonView:
    """A person: what is stored about them, and what they agreed to."""

    emails: tuple[str, ...]
    account: str | None
    sections: list[Section]
    agreements: list[Agreement]

    @property
    def count(self) -> int:
        """How many rows are stored about the person."""
        return sum(each.count for each in self.sections)


@dataclass(frozen=True, slots=True)
class Outcome:
    """What an erasure did with one kind."""

    kind: PersonalData
    erased: int
    remaining: int


def person_view(person: Person, held: Iterable[privacy.Held]) -> PersonView:
    """Return what is stored about a person; kinds of which there is nothing are left out."""
    # The audit log last: it is about what organisers did, and mostly that they looked.
    some = sorted((each for each in held if each.rows), key=lambda each: each.kind.name == _AUDIT)
    return PersonView(
        emails=person.emails,
        account=next(iter(person.user_ids), None),
        sections=[_section(each) for each in some],
        agreements=_agreements(
            consent
            for each in some
            for row in each.rows
            if (consent := privacy.entry_of(each.kind, row).consent) is not None
        ),
    )


def erased_view(done: Iterable[privacy.Erased]) -> list[Outcome]:
    """Return what an erasure did, of the kinds of which there was something."""
    return [
        Outcome(each.kind, each.erased, each.remaining)
        for each in done
        if each.erased or each.remaining
    ]


def _section(held: privacy.Held) -> Section:
    rows = [Row(privacy.entry_of(held.kind, row), _values(row)) for row in held.rows[:SHOWN]]
    return Section(held.kind, rows, len(held.rows))


def _values(row: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return the columns of a row that hold something."""
    return [(name, value) for name, value in row.items() if value not in (None, "", [], {})]


def _agreements(given: Iterable[GivenConsent]) -> list[Agreement]:
    """Return each wording once, the latest first."""
    found: dict[tuple[str, str, str], list[GivenConsent]] = {}
    for each in given:
        found.setdefault((each.text, each.version, each.language), []).append(each)
    agreements = [
        Agreement(some[0], len(some), min(each.at for each in some), max(each.at for each in some))
        for some in found.values()
    ]
    return sorted(agreements, key=lambda each: each.last, reverse=True)
