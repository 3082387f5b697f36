"""Rules of users: creating, changing and suspending them.

Functions take and return plain values and know nothing of HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import msgspec
import peewee

from changemaker_core import Email, Text
from changemaker_core.features.accounts import passwords
from changemaker_core.features.accounts.sessions.services import end_all_sessions
from changemaker_core.features.accounts.users.models import User

if TYPE_CHECKING:
    from changemaker_core import Tx

LONGEST_NAME: Final = 200


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
