"""Messages that sessions in browsers show once."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from peewee import Value

from changemaker_core.features.accounts.browser.models import FlashRow
from changemaker_core.features.accounts.sessions.models import UserSession

if TYPE_CHECKING:
    from collections.abc import Sequence

    from changemaker_core import Tx
    from changemaker_core.http.sessions import FlashMessage

#: Beyond it, the oldest message of a session is dropped: nobody is there to see them.
MESSAGES_PER_SESSION: Final = 20


def add_message(tx: Tx, session_id: str, message: FlashMessage) -> None:
    """Keep a message until the session has shown it; of one that has ended, nobody would see it.

    A request knows its session for some seconds after that ended in another browser. What it
    writes, the message reports; it must not fail with it.
    """
    row = {
        FlashRow.id: message.id,
        FlashRow.kind: message.kind,
        FlashRow.message: message.message,
        FlashRow.params: dict(message.params),
    }
    values = [Value(value, converter=field.db_value) for field, value in row.items()]
    session = UserSession.select(UserSession.id, *values).where(UserSession.id == session_id)
    if tx.db.dialect == "postgresql":  # where it can be ended between the look and the insert
        session = session.for_update("FOR KEY SHARE")  # type: ignore[arg-type]  # stubs know bool
    FlashRow.insert_from(session, [FlashRow.session, *row]).execute()
    waiting = FlashRow.select(FlashRow.id).where(FlashRow.session == session_id)
    surplus = waiting.order_by(FlashRow.id.desc()).offset(MESSAGES_PER_SESSION).limit(1_000)
    forget_messages(tx, [str(row.id) for row in surplus])


def forget_messages(tx: Tx, ids: Sequence[str]) -> None:
    """Delete messages that were shown."""
    if ids:
        FlashRow.delete().where(FlashRow.id.in_(list(ids))).execute()
