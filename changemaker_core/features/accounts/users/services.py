"""Rules of users that hold whoever acts: their details, passwords and sessions.

Functions take and return plain values and know nothing of HTTP.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import urlsplit

import msgspec
import peewee

from changemaker_core import Email, FieldError, Invalid, PersonName, Text
from changemaker_core.features.accounts import passwords
from changemaker_core.features.accounts.joining import links
from changemaker_core.features.accounts.sessions.services import end_all_sessions
from changemaker_core.features.accounts.users.emails import check_email
from changemaker_core.features.accounts.users.models import ACTIVE, INVITED, User
from changemaker_core.features.accounts.users.webhooks import USER_CREATED, UserCreated
from changemaker_core.mail import canonical_email

if TYPE_CHECKING:
    from collections.abc import Sequence
    from datetime import datetime

    from changemaker_core import Site, Tx

LONGEST_NAME: Final = 200
#: The fields of a user that the audit log records, and those among them that are a person's.
_RECORDED: Final = ("email", "name", "phone", "role", "status", "locale", "expires_at")
_PERSONAL: Final = ("email", "name", "phone")


class UnknownUser(LookupError):
    """No account has this email address."""


class AccountRefused(ValueError):
    """An account cannot be created; the text tells a person why."""


class EmailTaken(AccountRefused):
    """Another user has this email address."""


class DetailsRefused(AccountRefused):
    """The email address is malformed, or the name is too long or no name."""


class PasswordRefused(AccountRefused):
    """The password is too short, too long or too common."""


def create_user(
    tx: Tx,
    *,
    email: str,
    name: str,
    role: str,
    password_hash: str | None,
    status: str = ACTIVE,
    phone: str = "",
    locale: str | None = None,
    expires_at: datetime | None = None,
    email_verified_at: datetime | None = None,
    created_by: str | None = None,
) -> str:
    """Insert a user and return the id. Raise ``EmailTaken`` if the email address is in use.

    It is for callers who have checked the role, the details and whether the actor may: ``create``
    checks all of them.
    """
    address = canonical_email(email)
    if User.select().where(User.email == address).exists():
        raise EmailTaken(Text("{email} already has an account.", email=email))
    values: dict[str, Any] = {} if locale is None else {"locale": locale}
    try:
        with tx.savepoint():
            user = User.create(
                email=address,
                email_verified_at=email_verified_at,
                name=name,
                phone=phone,
                password_hash=password_hash,
                role=role,
                status=status,
                expires_at=expires_at,
                created_by=created_by,
                created_at=tx.now,
                updated_at=tx.now,
                **values,
            )
    except peewee.IntegrityError:  # PostgreSQL: by another process, since the look above
        raise EmailTaken(Text("{email} already has an account.", email=email)) from None
    USER_CREATED.emit(tx, UserCreated(user_id=str(user.id)))
    audit_user(tx, "created", user, after=recorded(user))
    return str(user.id)


def recorded(user: User) -> dict[str, Any]:
    """Return the fields of a user that the audit log records."""
    return {name: getattr(user, name) for name in _RECORDED}


def audit_user(
    tx: Tx,
    what: str,
    user: User,
    *,
    before: dict[str, Any] | None = None,
    after: dict[str, Any] | None = None,
) -> None:
    """Record in the audit log what was done to a user."""
    tx.audit(
        f"accounts.user.{what}",
        str(user.id),
        label=user.email,
        person=str(user.id),
        before=before,
        after=after,
        personal=_PERSONAL,
    )


def change_own_details(
    tx: Tx, user_id: str, values: dict[str, str], locales: Sequence[str]
) -> None:
    """Change what users change of themselves: ``name``, ``phone`` and ``locale``, the language of
    the mails to them; nothing is recorded where nothing changes.

    Raise ``Invalid`` for a locale that is none of the site's.
    """
    user = User.get(User.id == user_id)
    if values.get("locale", user.locale) not in (*locales, user.locale):
        raise Invalid([FieldError("locale", Text("Choose a language of this site."))])
    if all(getattr(user, field) == value for field, value in values.items()):
        return
    before = recorded(user)
    User.update(**values, updated_at=tx.now).where(User.id == user_id).execute()
    audit_user(tx, "changed", user, before=before, after={**before, **values})


def check_details(email: str, name: str) -> None:
    """Raise ``DetailsRefused`` for a malformed email address, or a name that cannot be one."""
    try:
        check_email(msgspec.convert(email, Email))
    except (msgspec.ValidationError, Invalid):
        problem = Text("Enter an email address such as name@example.org.")
        raise DetailsRefused(problem) from None
    if len(name) > LONGEST_NAME:
        raise DetailsRefused(Text("Write at most {most} characters.", most=LONGEST_NAME))
    try:
        msgspec.convert(name, PersonName)
    except msgspec.ValidationError:
        problem = Text("Write a name on one line, without the address of a website.")
        raise DetailsRefused(problem) from None


def check_password(site: Site, password: str, email: str, name: str) -> None:
    """Raise ``PasswordRefused`` for a password that breaks a rule."""
    known = (email, name, site.organisation, urlsplit(site.config.base_url).hostname or "")
    if problem := passwords.problem_with(password, known=known):
        raise PasswordRefused(problem)


def user_id_of(email: str) -> str:
    """Return the id of the user with this email address. Raise ``UnknownUser``."""
    user = User.get_or_none(User.email == canonical_email(email))
    if user is None:
        raise UnknownUser(Text("{email} has no account.", email=email))
    return str(user.id)


def set_password(tx: Tx, user_id: str, password_hash: str) -> None:
    """Store a new password, and end every session that was opened with the former one, and
    every link that was mailed to the user.

    Links in mails end too: whoever knew the former password may have asked for one, such as for a
    change of the email address. Who was invited can sign in from then on.
    """
    User.update(password_hash=password_hash, updated_at=tx.now).where(User.id == user_id).execute()
    audit_user(tx, "password_changed", User.get(User.id == user_id))
    User.update(status=ACTIVE).where(User.id == user_id, User.status == INVITED).execute()
    end_all_sessions(tx, user_id)
    links.end(tx, user_id=user_id)
