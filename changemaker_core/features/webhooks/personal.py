"""Deliveries that name a person: what plugins put into their events is theirs to decide."""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from changemaker_core import PersonalData, Text
from changemaker_core.features.webhooks.models import Delivery

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core import Person, Tx

#: Deliveries that are erased in one transaction.
BATCH: Final = 200
_TEXTS: Final = (Delivery.body, Delivery.error, Delivery.response)


def _naming(person: Person) -> Iterator[Delivery]:
    """Yield the deliveries that name a person, one batch of rows after another."""
    maybe = Delivery.select().where(person.candidates(*_TEXTS)).order_by(Delivery.id)
    rows = list(maybe.limit(BATCH))
    while rows:
        for each in rows:
            if person.is_named_in(each.body, each.error, each.response):
                yield each
        rows = list(maybe.where(Delivery.id > rows[-1].id).limit(BATCH))


def _export(person: Person) -> Iterator[dict[str, Any]]:
    for each in _naming(person):
        yield {
            "id": each.id,
            "event": each.event,
            "body": each.body,
            "state": each.state,
            "created_at": each.created_at,
            "error": each.error,
            "response": each.response,
        }


def _erase(tx: Tx, person: Person) -> int:
    """Delete deliveries. One that waits is not sent any more: those behind it go on without it."""
    named = [each.id for each in islice(_naming(person), BATCH)]
    return int(Delivery.delete().where(Delivery.id.in_(named)).execute())


DELIVERIES: Final = PersonalData(
    "webhooks.deliveries",
    Text("Webhooks that name the person"),
    _TEXTS,
    export=_export,
    erase=_erase,
    keeps=Text("What another program was sent, it has; ask its operator."),
)
