"""Rules of the API's sessions: chains of refresh tokens."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from changemaker_core import new_id
from changemaker_core.features.accounts.signing_in.services import note_sign_in
from changemaker_core.features.accounts.tokens import access_tokens
from changemaker_core.features.accounts.tokens.models import RefreshToken
from changemaker_core.features.accounts.users.models import User

if TYPE_CHECKING:
    from changemaker_core import Tx
    from changemaker_core.features.accounts.signing_in.services import Verified


@dataclass(frozen=True, slots=True)
class Rotation:
    """A new refresh token, its user, and the family that is its session."""

    user_id: str
    family: str
    refresh_token: str


def open_session(tx: Tx, verified: Verified) -> Rotation | None:
    """Start a family of refresh tokens and return the first.

    Return ``None`` if the account was changed since it was read.
    """
    if not note_sign_in(tx, verified):
        return None
    family = new_id()
    return Rotation(verified.account.id, family, _issue(tx, verified.account.id, family))


def rotate(tx: Tx, refresh_token: str) -> Rotation | None:
    """Exchange a refresh token for the next one; return ``None`` if it is not valid.

    A token that was exchanged before revokes its whole family: either its owner or a thief has the
    newer one, and only a new sign-in tells which.
    """
    token_hash = access_tokens.hash_refresh_token(refresh_token)
    exchanged = (
        RefreshToken.update(exchanged_at=tx.now)
        .where(
            RefreshToken.token_hash == token_hash,
            RefreshToken.exchanged_at.is_null(),
            RefreshToken.revoked_at.is_null(),
            RefreshToken.expires_at > tx.now,
        )
        .execute()
    )
    token = RefreshToken.get_or_none(RefreshToken.token_hash == token_hash)
    if token is None:
        return None
    user_id = str(token.user)  # `lazy_load=False`: the key itself
    if not exchanged or not _can_sign_in(user_id) or _is_ended(token.family):
        _end_family(tx, token.family)
        return None
    family = str(token.family)
    return Rotation(user_id, family, _issue(tx, user_id, family))


def end_session(tx: Tx, refresh_token: str) -> None:
    """End the session of a refresh token. An unknown token has no effect."""
    token = RefreshToken.get_or_none(
        RefreshToken.token_hash == access_tokens.hash_refresh_token(refresh_token)
    )
    if token is not None:
        _end_family(tx, token.family)


def _issue(tx: Tx, user_id: str, family: str) -> str:
    token = access_tokens.new_refresh_token()
    RefreshToken.insert(
        user=user_id,
        family=family,
        token_hash=access_tokens.hash_refresh_token(token),
        issued_at=tx.now,
        expires_at=tx.now + access_tokens.REFRESH_LIFETIME,
    ).execute()
    return token


def _end_family(tx: Tx, family: str) -> None:
    RefreshToken.update(revoked_at=tx.now).where(
        RefreshToken.family == family, RefreshToken.revoked_at.is_null()
    ).execute()


def _is_ended(family: str) -> bool:
    # One token suffices: a sign-out does not see the one that is being issued at that moment.
    ended: bool = (
        RefreshToken.select()
        .where(RefreshToken.family == family, RefreshToken.revoked_at.is_null(False))
        .exists()
    )
    return ended


def _can_sign_in(user_id: str) -> bool:
    found: bool = User.select().where(User.id == user_id, User.status == "ACTIVE").exists()
    return found
