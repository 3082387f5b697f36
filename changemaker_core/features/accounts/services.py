"""Rules of users and sessions. Functions take and return plain values and know nothing of HTTP."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec
import peewee

from changemaker_core import Email, LimitReached, SlidingWindow, Text, new_id
from changemaker_core.features.accounts import passwords, tokens
from changemaker_core.features.accounts.models import BrowserSession, LoginDelay, RefreshToken, User

if TYPE_CHECKING:
    from changemaker_core import Tx
    from changemaker_core.features.accounts.queries import Verified

LOGINS_PER_VISITOR: Final = SlidingWindow("accounts.login.ip", 10, timedelta(minutes=1))
LONGEST_NAME: Final = 200
FREE_FAILURES: Final = 3
LONGEST_DELAY: Final = timedelta(minutes=15)


class UnknownUser(LookupError):
    """No account has this email address."""


class AccountRefused(ValueError):
    """An account cannot be created; the text tells a person why."""


class EmailTaken(AccountRefused):
    """Another user has this email address."""


class DetailsRefused(AccountRefused):
    """The email address is malformed, or the name is too long."""


class PasswordRefused(AccountRefused):
    """The password is too short, too long or too common."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """A new refresh token, its user, and the family that is its session."""

    user_id: str
    family: str
    refresh_token: str


def create_user(tx: Tx, *, email: str, name: str, role: str, password_hash: str) -> str:
    """Insert a user and return the id. Raise ``EmailTaken`` if the email address is in use."""
    if User.select().where(User.email == email.casefold()).exists():
        raise EmailTaken(Text("{email} already has an account.", email=email))
    try:
        user = User.create(
            email=email.casefold(),
            name=name,
            password_hash=password_hash,
            role=role,
            created_at=tx.now,
            updated_at=tx.now,
        )
    except peewee.IntegrityError:  # PostgreSQL: by another process, since the look above
        raise EmailTaken(Text("{email} already has an account.", email=email)) from None
    return str(user.id)


def check_details(email: str, name: str) -> None:
    """Raise ``DetailsRefused`` for a malformed email address or a name that is too long."""
    try:
        msgspec.convert(email, Email)
    except msgspec.ValidationError:
        problem = Text("Enter an email address such as name@example.org.")
        raise DetailsRefused(problem) from None
    if len(name) > LONGEST_NAME:
        raise DetailsRefused(Text("Write at most {most} characters.", most=LONGEST_NAME))


def check_password(password: str, email: str) -> None:
    """Raise ``PasswordRefused`` for a password that breaks a rule."""
    if problem := passwords.problem_with(password, email=email):
        raise PasswordRefused(problem)


def count_attempt(tx: Tx, email: str, source: str) -> None:
    """Count a sign-in attempt. Raise ``LimitReached`` if ``source`` must wait, at all or for this
    account.

    ``source`` is a network, or a device or session that the account has. What others do in another
    network makes it wait for nothing.

    An attempt counts as a failure until its session is opened. Otherwise guesses that arrive
    together would all be checked before the first has failed.
    """
    LOGINS_PER_VISITOR.take(tx, source)
    now = tx.db.clock()  # not tx.now: another attempt of the source may have come first
    key = _delay_key(email, source)
    LoginDelay.insert(
        key=key, account=_hash(email), failures=0, not_before=now
    ).on_conflict_ignore().execute()
    due = (LoginDelay.key == key) & (LoginDelay.not_before <= now)
    if not LoginDelay.update(failures=LoginDelay.failures + 1).where(due).execute():
        known = LoginDelay.get_or_none(LoginDelay.key == key)
        wait = known.not_before - now if known is not None else timedelta(0)
        raise LimitReached("accounts.login.account", wait)
    start_wait(tx, email, source)


def start_wait(tx: Tx, email: str, source: str) -> None:
    """Start the wait after a wrong password.

    From the third on, each doubles the wait, up to fifteen minutes. It is the same for an email
    address without an account, so that it reveals nothing.
    """
    delay = LoginDelay.get_or_none(LoginDelay.key == _delay_key(email, source))
    if delay is not None:
        not_before = tx.now + _delay_after(delay.failures)
        LoginDelay.update(not_before=not_before).where(LoginDelay.key == delay.key).execute()


def unlock(tx: Tx, email: str) -> None:
    """End every wait after wrong passwords for this email address, wherever they came from."""
    LoginDelay.delete().where(LoginDelay.account == _hash(email)).execute()


def open_session(tx: Tx, verified: Verified) -> Rotation | None:
    """Start a family of refresh tokens and return the first.

    Return ``None`` if the account was changed since it was read.
    """
    if not note_sign_in(tx, verified):
        return None
    family = new_id()
    return Rotation(verified.account.id, family, _issue(tx, verified.account.id, family))


def note_sign_in(tx: Tx, verified: Verified) -> bool:
    """Store what a sign-in changes: its time, the end of any wait, a hash that was made anew.

    Return ``False``, and store nothing, if the account was changed since it was read: a password
    that was just replaced must not open a session.
    """
    account = verified.account
    changes: dict[str, object] = {"last_login_at": tx.now}
    if verified.new_hash is not None:
        changes["password_hash"] = verified.new_hash
    unchanged = (User.id == account.id) & (User.updated_at == account.updated_at)
    if not User.update(**changes).where(unchanged).execute():
        return False
    key = _delay_key(account.email, verified.source)
    LoginDelay.delete().where(LoginDelay.key == key).execute()
    return True


def rotate(tx: Tx, refresh_token: str) -> Rotation | None:
    """Exchange a refresh token for the next one; return ``None`` if it is not valid.

    A token that was exchanged before revokes its whole family: either its owner or a thief has the
    newer one, and only a new sign-in tells which.
    """
    token_hash = tokens.hash_refresh_token(refresh_token)
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
        RefreshToken.token_hash == tokens.hash_refresh_token(refresh_token)
    )
    if token is not None:
        _end_family(tx, token.family)


def user_id_of(email: str) -> str:
    """Return the id of the user with this email address. Raise ``UnknownUser``."""
    user = User.get_or_none(User.email == email.casefold())
    if user is None:
        raise UnknownUser(Text("{email} has no account.", email=email))
    return str(user.id)


def set_password(tx: Tx, user_id: str, password_hash: str) -> None:
    """Store a new password, and end every session that was opened with the former one."""
    User.update(password_hash=password_hash, updated_at=tx.now).where(User.id == user_id).execute()
    end_all_sessions(tx, user_id)


def suspend(tx: Tx, user_id: str) -> None:
    """Suspend an account: nobody can sign in to it, and its sessions end."""
    User.update(status="SUSPENDED", updated_at=tx.now).where(User.id == user_id).execute()
    end_all_sessions(tx, user_id)


def end_all_sessions(tx: Tx, user_id: str) -> None:
    """End every session of a user, in browsers and of the API."""
    BrowserSession.delete().where(BrowserSession.user == user_id).execute()
    RefreshToken.update(revoked_at=tx.now).where(
        RefreshToken.user == user_id, RefreshToken.revoked_at.is_null()
    ).execute()


def tidy(tx: Tx) -> None:
    """Delete tokens, sessions and delays that have expired."""
    BrowserSession.delete().where(BrowserSession.expires_at < tx.now).execute()
    RefreshToken.delete().where(RefreshToken.expires_at < tx.now).execute()
    LoginDelay.delete().where(LoginDelay.not_before < tx.now - timedelta(days=1)).execute()


def _issue(tx: Tx, user_id: str, family: str) -> str:
    token = tokens.new_refresh_token()
    RefreshToken.insert(
        user=user_id,
        family=family,
        token_hash=tokens.hash_refresh_token(token),
        issued_at=tx.now,
        expires_at=tx.now + tokens.REFRESH_LIFETIME,
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


def _delay_key(email: str, source: str) -> str:
    return _hash(f"{email} {source}")


def _hash(text: str) -> str:
    return hashlib.sha256(text.casefold().encode()).hexdigest()


def _delay_after(failures: int) -> timedelta:
    if failures < FREE_FAILURES:
        return timedelta(0)
    return min(timedelta(seconds=2 ** min(failures - FREE_FAILURES, 20)), LONGEST_DELAY)
