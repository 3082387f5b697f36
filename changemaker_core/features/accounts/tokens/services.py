"""Rules of the API's sessions: chains of refresh tokens."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from changemaker_core.features.accounts.sessions import services as sessions
from changemaker_core.features.accounts.sessions.models import API, UserSession
from changemaker_core.features.accounts.tokens.models import RefreshToken
from changemaker_core.features.accounts.tokens.refresh_tokens import LIFETIME, REPEATED
from changemaker_core.features.accounts.users.queries import Account, account_by_id

if TYPE_CHECKING:
    from datetime import datetime, timedelta

    from changemaker_core import Tx
    from changemaker_core.features.accounts.sessions.services import Device
    from changemaker_core.features.accounts.signing_in.services import Verified
    from changemaker_core.features.accounts.tokens.refresh_tokens import RefreshTokens


class Issued(NamedTuple):
    """A refresh token of a session, and the session's user."""

    account: Account
    session_id: str
    refresh_token: str


def open_session(
    tx: Tx, tokens: RefreshTokens, verified: Verified, device: Device
) -> Issued | None:
    """Open a session and return its first refresh token.

    Return ``None`` if the account was changed since it was read.
    """
    id = sessions.open_session(tx, verified, kind=API, lasts=LIFETIME, device=device)
    if id is None:
        return None
    token = tokens.new()
    _store(tokens.hash(token), id, tx.now)
    return Issued(verified.account, id, token)


def rotate(tx: Tx, tokens: RefreshTokens, longest: timedelta, sent: str) -> Issued | None:
    """Exchange a refresh token for the next one; return ``None`` if it is not valid.

    For a minute an exchanged token gets the same successor again. After that its session ends:
    either its owner or a thief has the newer one, and only a new sign-in tells which. It ends
    ``longest`` after its sign-in, too.
    """
    mine = RefreshToken.token_hash == tokens.hash(sent)
    token = RefreshToken.get_or_none(mine)
    if token is None:
        return None
    session_id = str(token.session)  # `lazy_load=False`: the key itself
    # First, so that of two who exchange the token at once, one waits and then sees the other's.
    if not sessions.prolong(tx, session_id, LIFETIME, longest):
        return None
    account = _account_of(session_id)
    if account is None or not account.is_open(tx.now):
        sessions.end_session(tx, session_id)
        return None
    successor = tokens.successor(sent)
    is_unused = RefreshToken.exchanged_at.is_null() & (RefreshToken.expires_at > tx.now)
    if RefreshToken.update(exchanged_at=tx.now).where(mine, is_unused).execute():
        _store(tokens.hash(successor), session_id, tx.now)
    elif not _was_exchanged_now(RefreshToken.get(mine), tx.now):
        sessions.end_session(tx, session_id)
        return None
    return Issued(account, session_id, successor)


def end_session(tx: Tx, tokens: RefreshTokens, sent: str) -> None:
    """End the session of a refresh token. An unknown token has no effect."""
    token = RefreshToken.get_or_none(RefreshToken.token_hash == tokens.hash(sent))
    if token is not None:
        sessions.end_session(tx, str(token.session))


def _store(token_hash: str, session_id: str, now: datetime) -> None:
    RefreshToken.insert(
        session=session_id, token_hash=token_hash, issued_at=now, expires_at=now + LIFETIME
    ).execute()


def _account_of(session_id: str) -> Account | None:
    session = UserSession.get(UserSession.id == session_id)
    return account_by_id(str(session.user)).one()


def _was_exchanged_now(token: RefreshToken, now: datetime) -> bool:
    return token.exchanged_at is not None and now - token.exchanged_at < REPEATED
