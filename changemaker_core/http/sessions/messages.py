"""Messages that the next page of a session shows once."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any, Literal

from changemaker_core.db import new_id
from changemaker_core.http.sessions.session import FlashMessage
from changemaker_core.text import Text

if TYPE_CHECKING:
    from changemaker_core.db import Tx
    from changemaker_core.http.request import Request

FlashKind = Literal["success", "warning", "error"]


class Flash(Sequence[FlashMessage]):
    """The messages that a page may show, ``flash`` in templates; notes whether it did."""

    def __init__(self, messages: Sequence[FlashMessage] = ()) -> None:
        self._messages = messages
        self.shown = False

    def __len__(self) -> int:
        return len(self._messages)

    def __getitem__(self, index: Any) -> Any:
        self.shown = True
        return self._messages[index]

    def __iter__(self) -> Iterator[FlashMessage]:
        self.shown = True
        return iter(self._messages)


def flash(tx: Tx, req: Request, text: Text, *, kind: FlashKind = "success") -> None:
    """Show ``text`` once, on the next page that the visitor of ``req`` sees.

    It is stored in the transaction, so it is shown only if what it reports was committed. Values in
    ``text`` are strings and numbers. Raise ``LookupError`` if the visitor has no session: show such
    a message on the page that responds.

    >>> def publish(tx, req, event_id):
    ...     Event.update(status="PUBLISHED").where(Event.id == event_id).execute()
    ...     flash(tx, req, Text("The event is published."))
    """
    if req.session is None:
        raise LookupError(
            f"{req.method} {req.route}: flash() needs a visitor who is signed in with a session."
        )
    message, params = (text.message, text.params) if isinstance(text, Text) else (str(text), {})
    stored = {name: _plain(value) for name, value in params.items()}
    kept = FlashMessage(id=new_id(), kind=kind, message=message, params=stored)
    req.session.store.add_message(tx, req.session.id, kept)


def _plain(value: Any) -> str | int | float:
    return value if type(value) in (int, float) else str(value)
