"""What the audit log stores about people: values beside the entries, which stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from changemaker_core import InvalidId, PersonalData, PersonalEntry, Retention, Text, delete_rows
from changemaker_core.audit import BEGINNING, CoreAuditPersonal, person_key, value_begins
from changemaker_core.audit.chain import to_json
from changemaker_core.features.accounts.api import account_by_id
from changemaker_core.features.audit import queries
from changemaker_core.features.audit.reading import shown

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime

    from changemaker_core import Person, Tx

#: Entries that are read at once.
_BATCH: Final = 200


def _keys(person: Person) -> list[str]:
    """Return the keys of a person, as far as they are known: addresses, and ids of accounts."""
    return [person_key(each) for each in (*person.emails, *person.user_ids)]


def _gone(person: Person) -> list[str]:
    """Return the ids of accounts that are deleted by now, and have had an address of the person.

    An account that exists is found by its present address: a former one may be another's now.
    """
    former = {row.person for row in _with_an_address(person)}
    return sorted(id for id in former if id and "@" not in id and _is_gone(id))


def _is_gone(id: str) -> bool:
    try:
        return account_by_id(id).one() is None
    except InvalidId:  # of something else, as a plugin has recorded it
        return False


def _with_an_address(person: Person) -> list[queries.PersonalRow]:
    """Return the values that are an address of the person, whoever they belong to."""
    values = _addresses(person)
    begins = value_begins.in_([each[:BEGINNING] for each in values])
    rows: Any = CoreAuditPersonal.select().where(begins, CoreAuditPersonal.value.in_(values))
    return [msgspec.convert(row, queries.PersonalRow) for row in rows.dicts()]


def _addresses(person: Person) -> list[str]:
    """Return the addresses of a person as they are stored."""
    return [to_json(each) for each in person.emails]


def _export(person: Person) -> Iterator[dict[str, Any]]:
    """Yield the entries in which a person's values are, without those of others.

    Of an account that is gone only the address: it may have been mistyped when it was another's.
    """
    values = queries.values_of(persons=_keys(person)).all()
    if gone := _gone(person):
        values += [each for each in _with_an_address(person) if each.person in gone]
    ids = sorted({value.entry for value in values})
    for start in range(0, len(ids), _BATCH):
        rows = queries.entries_by_id(ids=ids[start : start + _BATCH]).all()
        for entry in sorted(shown(rows, values), key=lambda each: each.id):
            found: dict[str, Any] = msgspec.structs.asdict(entry)
            del found["erased"], found["position"], found["hash"]
            yield {**found, "actor": msgspec.structs.asdict(entry.actor)}


def _erase(tx: Tx, person: Person) -> int:
    wanted = CoreAuditPersonal.person.in_([*_keys(person), *_gone(person)])
    holds = CoreAuditPersonal.value.in_(_addresses(person))
    # Those that hold an address lead to the ids of accounts that are gone: they go last.
    return delete_rows(CoreAuditPersonal, wanted & ~holds) or delete_rows(
        CoreAuditPersonal, wanted & holds
    )


def _count(before: datetime) -> int:
    return int(CoreAuditPersonal.select().where(CoreAuditPersonal.at < before).count())


def _expire(tx: Tx, before: datetime) -> int:
    return delete_rows(CoreAuditPersonal, CoreAuditPersonal.at < before)


VALUES: Final = PersonalData(
    "audit.values",
    Text("Names and networks in the audit log"),
    (CoreAuditPersonal.person, CoreAuditPersonal.value),
    export=_export,
    erase=_erase,
    keeps=Text("What was changed, and when, stays, with the number of an account that is gone."),
    retention=Retention(730, _count, _expire),
    entry=lambda row: PersonalEntry(
        " · ".join(filter(None, (row["action"], row["label"]))), row["at"]
    ),
)
