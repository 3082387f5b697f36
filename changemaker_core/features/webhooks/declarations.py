"""What plugins declare: events that may leave the site, and what they say."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import msgspec

from changemaker_core.features.webhooks.deliveries.recording import record

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core import Tx

_NAME: Final = re.compile(r"[a-z][a-z0-9]*(\.[a-z][a-z0-9_]*)+")
_LONGEST_NAME: Final = 100


@dataclass(frozen=True, slots=True)
class WebhookEvent:
    """An event that programs outside of the site can be notified of.

    ``name`` begins with the plugin's name and a dot, and says what happened:
    ``petitions.signature.confirmed``. ``payload`` is a Struct: the only data that leaves the site.
    ``label`` tells organisers what happened, and ``personal`` which data about people the payload
    contains; empty where there is none. Keep to ids and counts where they will do: a receiver asks
    the API for the rest, with the rights that it has.

    >>> SIGNED = WebhookEvent("petitions.signature.confirmed", Signed, Text("Somebody has signed"))
    """

    name: str
    payload: type[msgspec.Struct]
    label: str
    personal: str = ""

    def emit(self, tx: Tx, data: msgspec.Struct) -> None:
        """Store the event for each endpoint that wants it, as a part of the transaction.

        It is sent after the commit, and not at all where the transaction fails. Raises
        ``TypeError`` for ``data`` that is no ``payload``.

        >>> SIGNED.emit(tx, Signed(petition_id=petition.id, signatures=1_204))
        """
        if type(data) is not self.payload:
            raise TypeError(
                f"the webhook event {self.name} takes a {self.payload.__qualname__},"
                f" not {type(data).__qualname__}"
            )
        record(tx, self.name, data)


def problems_of(event: WebhookEvent) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a declared event, and how to fix it."""
    if len(event.name) > _LONGEST_NAME or not _NAME.fullmatch(event.name):
        yield (
            f"The name of the webhook event {event.name!r} has another form than the others.",
            f"Write it such as petitions.signature.confirmed, in at most {_LONGEST_NAME}"
            " characters.",
        )
    payload: object = event.payload
    if not (isinstance(payload, type) and issubclass(payload, msgspec.Struct)):
        yield (
            f"The payload of the webhook event {event.name!r} is {payload!r}, which is no Struct.",
            "Give the class of what is sent: class Signed(msgspec.Struct, frozen=True).",
        )
        return
    try:
        msgspec.json.schema(payload)
    except TypeError as error:
        yield (
            f"The payload of the webhook event {event.name!r} cannot be sent as JSON: {error}",
            "Give its fields types of JSON: str, int, float, bool, datetime, lists and Structs.",
        )
    if not event.label.strip():
        yield (
            f"The webhook event {event.name!r} has no label.",
            "Tell organisers what happened: label=Text('Somebody has signed').",
        )
