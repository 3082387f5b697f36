"""Rules of sessions: opening, confirming, keeping and ending them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from changemaker_core import new_id
from changemaker_core.features.accounts.sessions.models import UserSession
from changemaker_core.features.accounts.signing_in.services import note_sign_in

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime, timedelta

    from changemaker_core import Tx
    from changemaker_core.features.accounts.signing_in.services import Verified

#: Of one kind; a sign-in beyond it ends the session that was used least recently.
SESSIONS_PER_USER: Final = 50


class Device(NamedTuple):
    """What a sign-in came from."""

    address: str
    user_agent: str


def open_session(
    tx: Tx,
    verified: Verified,
    *,
    kind: str,
    lasts: timedelta,
    device: Device,
    token_hash: str | None = None,
    replaces: str | None = None,
) -> str | None:
    """Open a session for the account and return its id; ``replaces`` is the browser's former one.

    Return ``None`` if the account was changed since it was read.
    """
    account = verified.account
    if not note_sign_in(tx, verified):
        return None
    if replaces is not None:
        end_session(tx, replaces)
    id = new_id()
    UserSession.insert(
        id=id,
        user=account.id,
        kind=kind,
        token_hash=token_hash,
        created_at=tx.now,
        signed_in_at=tx.now,
        seen_at=tx.now,
        expires_at=tx.now + lasts,
        address=device.address[:64],
        user_agent=device.user_agent[:300],
    ).execute()
    _end_surplus(account.id, kind)
    _record(tx, "signed_in", account.id, account.email, after={"session": id, "kind": kind})
    return id


def confirm(tx: Tx, session_id: str, verified: Verified) -> bool:
    """Store that the user of a session has proved now who they are. Return whether it is open."""
    mine = (UserSession.id == session_id) & (UserSession.user == verified.account.id)
    if not note_sign_in(tx, verified):
        return False
    return bool(UserSession.update(signed_in_at=tx.now).where(mine).execute())


def note_use(tx: Tx, session_id: str, before: datetime) -> None:
    """Store that a session is used now, unless another request has stored that since ``before``."""
    UserSession.update(seen_at=tx.now).where(
        UserSession.id == session_id, UserSession.seen_at <= before
    ).execute()


def prolong(tx: Tx, session_id: str, lasts: timedelta, longest: timedelta) -> bool:
    """Store that a session is used now and lasts from now on, but ends ``longest`` after its begin.

    Return whether it goes on. Until the transaction ends, others that would end or prolong the
    session wait for it.
    """
    mine = UserSession.id == session_id
    if not UserSession.update(seen_at=tx.now).where(mine).execute():
        return False
    end = UserSession.get(mine).created_at + longest
    if end <= tx.now:
        end_session(tx, session_id)
        return False
    UserSession.update(expires_at=min(tx.now + lasts, end)).where(mine).execute()
    return True


def end_session(tx: Tx, session_id: str, user_id: str | None = None) -> bool:
    """End a session, where given only one of ``user_id``. Return whether there was one."""
    condition = UserSession.id == session_id
    if user_id is not None:
        condition &= UserSession.user == user_id
    session = UserSession.get_or_none(condition)
    if session is None or not UserSession.delete().where(condition).execute():
        return False
    _record(tx, "signed_out", str(session.user), before={"session": session_id})
    return True


def sign_out_everywhere(tx: Tx, user_id: str, *, but: str | None = None) -> int:
    """End the sessions that a user wants to be ended, as ``end_all_sessions`` does."""
    ended = end_all_sessions(tx, user_id, but=but)
    _record(tx, "signed_out_everywhere", user_id, after={"sessions": ended})
    return ended


def end_all_sessions(tx: Tx, user_id: str, *, but: str | None = None) -> int:
    """End every session of a user, in browsers and of the API, except the one with the id ``but``.

    Return how many there were.
    """
    ended = UserSession.user == user_id
    if but is not None:
        ended &= UserSession.id != but
    return int(UserSession.delete().where(ended).execute())


def _record(tx: Tx, what: str, user_id: str, email: str = "", **fields: Any) -> None:
    tx.audit(f"accounts.user.{what}", user_id, label=email, person=user_id, **fields)


def _end_surplus(user_id: str, kind: str) -> None:
    mine = (UserSession.user == user_id) & (UserSession.kind == kind)
    sessions = UserSession.select(UserSession.id).where(mine)
    newest_first = sessions.order_by(UserSession.seen_at.desc(), UserSession.id.desc())
    surplus: Sequence[str] = [
        str(row.id) for row in newest_first.offset(SESSIONS_PER_USER).limit(1_000)
    ]
    if surplus:
        UserSession.delete().where(UserSession.id.in_(surplus)).execute()
