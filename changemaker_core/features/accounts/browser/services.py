"""Rules of browser sessions: opening, keeping and ending them."""

from __future__ import annotations

import hashlib
import secrets
from typing import TYPE_CHECKING, Final

from peewee import Value

from changemaker_core import new_id
from changemaker_core.features.accounts.browser.models import BrowserSession, FlashRow
from changemaker_core.features.accounts.signing_in.services import note_sign_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from changemaker_core import Tx
    from changemaker_core.features.accounts.signing_in.services import Verified
    from changemaker_core.http.sessions import FlashMessage

#: A sign-in beyond it ends the session that was used least recently.
SESSIONS_PER_USER: Final = 50
#: Beyond it, the oldest message of a session is dropped: nobody is there to see them.
MESSAGES_PER_SESSION: Final = 20


def new_token() -> str:
    """Return the secret of a new session: 256 random bits."""
    return secrets.token_urlsafe(32)


def hash_token(token: str) -> str:
    """Return the stored hash of a token. The token is random, so a fast hash suffices."""
    return hashlib.sha256(token.encode()).hexdigest()


def open_session(
    tx: Tx,
    verified: Verified,
    *,
    token: str,
    lasts: timedelta,
    address: str,
    user_agent: str,
    replaces: str | None = None,
) -> bool:
    """Open a session for the account; ``replaces`` is the id of the browser's former one.

    Return ``False`` if the account was changed since it was read.
    """
    account = verified.account
    if not note_sign_in(tx, verified):
        return False
    if replaces is not None:
        end_session(tx, replaces)
    BrowserSession.insert(
        id=new_id(),
        user=account.id,
        token_hash=hash_token(token),
        created_at=tx.now,
        seen_at=tx.now,
        expires_at=tx.now + lasts,
        address=address[:64],
        user_agent=user_agent[:300],
    ).execute()
    _end_surplus(account.id)
    return True


def note_use(tx: Tx, session_id: str, before: datetime) -> None:
    """Store that a session is used now, unless another request has stored that since ``before``."""
    BrowserSession.update(seen_at=tx.now).where(
        BrowserSession.id == session_id, BrowserSession.seen_at <= before
    ).execute()


def end_session(tx: Tx, session_id: str, user_id: str | None = None) -> bool:
    """End a session, where given only one of ``user_id``. Return whether there was one."""
    condition = BrowserSession.id == session_id
    if user_id is not None:
        condition &= BrowserSession.user == user_id
    return bool(BrowserSession.delete().where(condition).execute())


def end_other_sessions(tx: Tx, user_id: str, kept: str) -> int:
    """End every session of a user but ``kept``. Return how many there were."""
    others = (BrowserSession.user == user_id) & (BrowserSession.id != kept)
    return int(BrowserSession.delete().where(others).execute())


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
    session = BrowserSession.select(BrowserSession.id, *values).where(
        BrowserSession.id == session_id
    )
    if tx.db.dialect == "postgresql":  # where it can be ended between the look and the insert
        session = session.for_update("FOR KEY SHARE")  # type: ignore[arg-type]  # stubs know bool
    FlashRow.insert_from(session, [FlashRow.session, *row]).execute()
    waiting = FlashRow.select(FlashRow.id).where(FlashRow.session == session_id)
    surplus = waiting.order_by(FlashRow.id.desc()).offset(MESSAGES_PER_SESSION).limit(1_000)
    _delete_by_id(FlashRow, [str(row.id) for row in surplus])


def forget_messages(tx: Tx, ids: Sequence[str]) -> None:
    """Delete messages that were shown."""
    _delete_by_id(FlashRow, ids)


def _end_surplus(user_id: str) -> None:
    sessions = BrowserSession.select(BrowserSession.id).where(BrowserSession.user == user_id)
    surplus = sessions.order_by(BrowserSession.seen_at.desc(), BrowserSession.id.desc())
    _delete_by_id(
        BrowserSession, [str(row.id) for row in surplus.offset(SESSIONS_PER_USER).limit(1_000)]
    )


def _delete_by_id(model: type[BrowserSession | FlashRow], ids: Sequence[str]) -> None:
    if ids:
        model.delete().where(model.id.in_(list(ids))).execute()
