"""What plugins declare: the personal data that they store, and how it is exported and erased."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import reduce
from operator import or_
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime

    import peewee

    from changemaker_core import Tx

#: Rows that are erased in one transaction: other writers wait meanwhile.
BATCH: Final = 200
#: What stands in place of the name of a person who was erased.
ERASED: Final = "—"


@dataclass(frozen=True, slots=True)
class Person:
    """Whose data is exported or erased.

    ``emails`` are in the form of ``canonical_email``; ``user_ids`` are those of the accounts that
    have one of them.
    """

    emails: tuple[str, ...]
    user_ids: tuple[str, ...] = ()

    def is_named_in(self, *texts: str | None) -> bool:
        """Return whether one of the texts has an address or id of the person, and not as a part of
        another one: ``ann@example.org`` is not named in ``joann@example.org``."""
        return any(
            _names(text, each) for text in texts if text for each in (*self.emails, *self.user_ids)
        )

    def candidates(self, *columns: peewee.Field[Any]) -> Any:
        """Return the condition of rows in whose text columns the person may be named, in plain text
        or in JSON: look at each with ``is_named_in``."""
        wanted = {_plain_part(each) for each in (*self.emails, *self.user_ids)}
        return reduce(or_, [column.contains(each) for column in columns for each in sorted(wanted)])


@dataclass(frozen=True, slots=True)
class Retention:
    """How long data is kept: by default ``days``, which ``[privacy.retention_days]`` changes.

    ``count(before)`` returns how many rows are older than a time, and ``expire(tx, before)``
    deletes or anonymises some of them, and returns how many. It is called, each time in a
    transaction of its own, until it returns 0.
    """

    days: int
    count: Callable[[datetime], int]
    expire: Callable[[Tx, datetime], int]


@dataclass(frozen=True, slots=True)
class GivenConsent:
    """What a person agreed to: the words that they read, their version and language, and when."""

    text: str
    version: str
    language: str
    at: datetime


@dataclass(frozen=True, slots=True)
class PersonalEntry:
    """One row of personal data as organisers read it in a list.

    ``title`` says what it is, ``at`` since when it is stored, ``consent`` what the person agreed to
    with it, and ``path`` is the organisers' page that shows it, where there is one.
    """

    title: str
    at: datetime | None = None
    consent: GivenConsent | None = None
    path: str = ""


@dataclass(frozen=True, slots=True)
class PersonalData:
    """One kind of personal data: a table, or a few that belong together.

    ``name`` begins with the plugin's name and a dot; ``label`` tells people what it is.
    ``columns`` are those that hold it. ``export(person)`` returns the rows of a person as
    dictionaries, inside a read. ``erase(tx, person)`` deletes or anonymises at most ``BATCH`` of
    them, and returns how many; it is called, each time in a transaction of its own, until it
    returns 0. Rows that ``export`` still returns then, such as a letter that is being sent, are
    reported as remaining for now.

    ``keeps`` tells people what is not erased, and why. ``obstacle(person)`` returns why nothing of
    this person can be erased at present, or ``None``; it is called before anything is erased.
    ``entry(row)`` returns what organisers read of a row that ``export`` returned; without it, they
    read its name or title, and its time.

    >>> PersonalData(
    ...     "petitions.signatures",
    ...     Text("Signatures"),
    ...     columns=(Signature.name, Signature.email),
    ...     export=lambda person: export_rows(Signature, Signature.email.in_(person.emails)),
    ...     erase=lambda tx, person: delete_rows(Signature, Signature.email.in_(person.emails)),
    ... )
    """

    name: str
    label: str
    columns: tuple[peewee.Field[Any], ...]
    export: Callable[[Person], Iterable[Mapping[str, Any]]]
    erase: Callable[[Tx, Person], int]
    keeps: str = ""
    retention: Retention | None = None
    obstacle: Callable[[Person], str | None] | None = None
    entry: Callable[[Mapping[str, Any]], PersonalEntry] | None = None


def _plain_part(wanted: str) -> str:
    """Return the longest part that JSON has as it is, and that databases find in any case: of what
    is not ASCII, SQLite finds only the spelling that it is given."""
    return max(re.findall(r"[ -!#-\[\]-~]+", wanted), key=len, default="")


def _names(text: str, wanted: str) -> bool:
    # An apostrophe may be a part of an address, as in o'brien@example.org, or stand before it, also
    # as in b'ann@example.org', which is how Python writes bytes.
    apart = r"(?<![\w.+-])(?<!\w&)(?<![^\Wb]')(?<!\wb')"
    pattern = rf"{apart}{re.escape(wanted)}(?![\w+@-]|\.\w)"
    return re.search(pattern, text, re.IGNORECASE) is not None


def export_rows(
    model: type[peewee.Model], condition: Any, *, without: Sequence[peewee.Field[Any]] = ()
) -> Iterator[dict[str, Any]]:
    """Yield the rows of a table that fulfil ``condition``, as dictionaries.

    ``without`` are columns that say nothing about a person, or are secret: hashes, tokens.
    """
    left_out = {field.name for field in without}
    columns = [each for each in model._meta.sorted_fields if each.name not in left_out]
    rows: Any = model.select(*columns).where(condition).order_by(model._meta.primary_key).dicts()
    yield from rows


def delete_rows(model: type[peewee.Model], condition: Any) -> int:
    """Delete at most ``BATCH`` rows of a table that fulfil ``condition``; return how many."""
    key: Any = model._meta.primary_key
    some = model.select(key).where(condition).limit(BATCH)
    return int(model.delete().where(key.in_(some)).execute())
