"""What the audit log stores about people: values beside the entries, which stay."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec

from changemaker_core import PersonalData, Retention, Text, delete_rows
from changemaker_core.audit import CoreAuditPersonal, person_key
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
    """Return the keys of a person, those of accounts that are deleted by now among them."""
    keys = [person_key(each) for each in (*person.emails, *person.user_ids)]
    values = [to_json(each) for each in person.emails]
    named = CoreAuditPersonal.select(CoreAuditPersonal.person).distinct()
    former = [str(row.person) for row in named.where(CoreAuditPersonal.value.in_(values))]
    # An account that exists is found by its present address: a former one may be another's now.
    gone = [id for id in former if id and "@" not in id and account_by_id(id).one() is None]
    return [*keys, *gone]


def _export(person: Person) -> Iterator[dict[str, Any]]:
    """Yield the entries in which a person's values are, without those of others."""
    values = queries.values_of(persons=_keys(person)).all()
    ids = sorted({value.entry for value in values})
    for start in range(0, len(ids), _BATCH):
        rows = queries.entries_by_id(ids=ids[start : start + _BATCH]).all()
        for entry in sorted(shown(rows, values), key=lambda each: each.id):
            found: dict[str, Any] = msgspec.structs.asdict(entry)
            del found["erased"], found["position"], found["hash"]
            yield {**found, "actor": msgspec.structs.asdict(entry.actor)}


def _erase(tx: Tx, person: Person) -> int:
    return delete_rows(CoreAuditPersonal, CoreAuditPersonal.person.in_(_keys(person)))


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
)
