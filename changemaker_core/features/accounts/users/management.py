"""Rules of managing other people's accounts.

``by`` is who acts: an actor of a request, or ``OPERATOR`` at the command line. Nobody gives a
permission that they do not hold, or changes somebody who holds one that they lack; and one
permanent administrator who can sign in is always left.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import msgspec
import peewee
from msgspec import UNSET

from changemaker_core import Conflict, EditConflict, FieldError, Invalid, NotFound, Text
from changemaker_core.features.accounts.joining import links, mails
from changemaker_core.features.accounts.joining import services as joining
from changemaker_core.features.accounts.joining.purposes import INVITATIONS
from changemaker_core.features.accounts.keys import services as key_services
from changemaker_core.features.accounts.keys.queries import owned_key
from changemaker_core.features.accounts.roles.rights import rights_of
from changemaker_core.features.accounts.roles.roles import SUPER_ADMIN, UnknownRole
from changemaker_core.features.accounts.roles.rules import check_outranks
from changemaker_core.features.accounts.roles.services import check_assignable
from changemaker_core.features.accounts.sessions import services as sessions
from changemaker_core.features.accounts.sessions.services import end_all_sessions
from changemaker_core.features.accounts.signing_in.services import unlock as end_waits
from changemaker_core.features.accounts.twofactor import services as two_factor
from changemaker_core.features.accounts.users import services
from changemaker_core.features.accounts.users.emails import check_email
from changemaker_core.features.accounts.users.models import (
    ACTIVE,
    EXPIRED,
    INVITED,
    SUSPENDED,
    User,
)
from changemaker_core.features.accounts.users.queries import account_by_id
from changemaker_core.features.accounts.users.services import EmailTaken

if TYPE_CHECKING:
    from collections.abc import Collection
    from datetime import datetime

    from changemaker_core import Actor, Tx
    from changemaker_core.features.accounts.roles.roles import Roles
    from changemaker_core.features.accounts.users.schemas import NewUser, UserChange

#: Temporary accounts whose end is stored in one transaction: other writers wait meanwhile.
_BATCH: Final = 500


def create(tx: Tx, roles: Roles, by: Actor, new: NewUser, password_hash: str | None) -> str:
    """Create a user and return the id. Without a password, they are invited by mail.

    Raise ``Forbidden``, ``Invalid``, or ``Conflict`` for an email address that is in use.
    """
    _check_role(tx, roles, by, new.role)
    _check_end(tx, new.expires_at)
    try:
        id = services.create_user(
            tx,
            email=check_email(new.email),
            name=new.name,
            role=new.role,
            password_hash=password_hash,
            status=ACTIVE if password_hash is not None else INVITED,
            phone=new.phone,
            locale=new.locale,
            expires_at=new.expires_at,
            created_by=by.user_id,
        )
    except EmailTaken as taken:
        raise _email_taken(taken) from None
    if password_hash is None:
        joining.invite(tx, account_by_id(id).get())
    return id


def invite(tx: Tx, roles: Roles, by: Actor, id: str) -> None:
    """Send the invitation of a user once more; the former link ends.

    Raise ``NotFound``, ``Forbidden``, ``LimitReached``, or ``Conflict`` where it was accepted.
    """
    user = _invited(tx, roles, by, id)
    INVITATIONS.take(tx, id)
    joining.invite(tx, account_by_id(id).get())
    services.audit_user(tx, "invited", user)


def withdraw(tx: Tx, roles: Roles, by: Actor, id: str) -> None:
    """Withdraw an invitation: its link ends, and the account that waits for it is deleted.

    Raise ``NotFound``, ``Forbidden``, or ``Conflict`` where it was accepted.
    """
    user = _invited(tx, roles, by, id)
    User.delete().where(User.id == id).execute()
    services.audit_user(tx, "invitation_withdrawn", user, before=services.recorded(user))


def change(
    tx: Tx, roles: Roles, by: Actor, id: str, wanted: UserChange, seen: datetime | None = None
) -> None:
    """Change the fields that ``wanted`` sets.

    ``seen`` is the ``updated_at`` of the account that was edited: raise ``EditConflict`` where it
    was changed since. A new email address has to be verified: its owner gets a link, and
    the former one a notice; who was invited gets the invitation there. A later end reopens a
    temporary account that has expired. Raise ``NotFound``, ``Forbidden``, ``Invalid``,
    ``Conflict``.
    """
    user = _managed(tx, roles, by, id)
    if seen is not None and user.updated_at != seen:
        raise EditConflict(user.updated_at, None)
    before = services.recorded(user)
    set_fields = msgspec.structs.asdict(wanted).items()
    values: dict[str, Any] = {name: value for name, value in set_fields if value is not UNSET}
    role = values.get("role", user.role)
    if role != user.role:
        _check_role(tx, roles, by, role)
    expires_at = values.get("expires_at", user.expires_at)
    if "expires_at" in values:
        _check_end(tx, expires_at)
        if user.expires_at is not None and (expires_at is None or expires_at > user.expires_at):
            _not_oneself(by, id, Text("Ask an administrator to extend your account."))
    is_to_end = expires_at is not None and expires_at != user.expires_at
    if user.role == SUPER_ADMIN and (role != SUPER_ADMIN or is_to_end):
        keep_an_administrator(tx, [id])
    if "expires_at" in values and user.status == EXPIRED:
        values["status"] = ACTIVE if user.password_hash is not None else INVITED
    if "email" in values:
        values["email"] = check_email(values["email"])
        if values["email"] != user.email:
            _not_oneself(by, id, Text("Change your own email address at /account/email."))
            _check_email_is_free(values["email"])
            values["email_verified_at"] = None
            links.end(tx, user_id=id)
    try:
        with tx.savepoint():
            User.update(**values, updated_at=tx.now).where(User.id == id).execute()
    except peewee.IntegrityError:  # PostgreSQL: by another process, since the look above
        raise _taken(values["email"]) from None
    if values.get("email", user.email) != user.email:
        joining.confirm_new_email(tx, account_by_id(id).get(), former=user.email)
    services.audit_user(tx, "changed", user, before=before, after=services.recorded(_user(id)))


def suspend(tx: Tx, roles: Roles, by: Actor, id: str) -> None:
    """Suspend a user: they cannot sign in, and their sessions and links in mails end.

    Raise ``NotFound``, ``Forbidden``, or ``Conflict`` for oneself and for the last administrator.
    """
    user = _managed(tx, roles, by, id)
    _not_oneself(by, id, Text("You cannot suspend your own account."))
    keep_an_administrator(tx, [id])
    _set_status(tx, id, SUSPENDED)
    end_all_sessions(tx, id)
    links.end(tx, user_id=id)
    services.audit_user(tx, "suspended", user)


def reactivate(tx: Tx, roles: Roles, by: Actor, id: str) -> None:
    """Let a suspended user sign in again.

    Raise ``NotFound``, ``Forbidden``, or ``Conflict`` for a temporary account that has expired.
    """
    user = _managed(tx, roles, by, id)
    if user.expires_at is not None and user.expires_at <= tx.now:
        raise Conflict(
            Text("The time of this account has passed. Set a later end, or none."),
            code="account_expired",
        )
    if user.status == SUSPENDED:
        is_new = user.password_hash is None and user.last_login_at is None
        _set_status(tx, id, INVITED if is_new else ACTIVE)
        services.audit_user(tx, "reactivated", user)


def unlock(tx: Tx, roles: Roles, by: Actor, id: str) -> None:
    """End every wait after wrong passwords for a user. Raise ``NotFound`` or ``Forbidden``."""
    user = _managed(tx, roles, by, id)
    end_waits(tx, user.email)
    services.audit_user(tx, "unlocked", user)


def reset_two_factor(tx: Tx, roles: Roles, by: Actor, id: str) -> bool:
    """Turn two-factor sign-in off for a user who has lost their authenticator and their codes.

    Their sessions end, since the lost device may have some, and they are notified by mail. Return
    whether it was on. Raise ``NotFound``, ``Forbidden``, or ``Conflict`` for oneself.
    """
    user = _managed(tx, roles, by, id)
    _not_oneself(by, id, Text("Turn off your own two-factor sign-in at /account/two-factor."))
    if not two_factor.turn_off(tx, id):
        return False
    end_all_sessions(tx, id)
    joining.notify(tx, mails.TWO_FACTOR_RESET.name, id, user.email)
    return True


def end_sessions(tx: Tx, roles: Roles, by: Actor, id: str) -> None:
    """Sign a user out everywhere. Raise ``NotFound`` or ``Forbidden``."""
    user = _managed(tx, roles, by, id)
    ended = end_all_sessions(tx, id)
    services.audit_user(tx, "signed_out_everywhere", user, after={"sessions": ended})


def end_session(tx: Tx, roles: Roles, by: Actor, id: str, session_id: str) -> None:
    """Sign a user out on one device. Raise ``NotFound`` or ``Forbidden``."""
    _managed(tx, roles, by, id)
    if not sessions.end_session(tx, session_id, id):
        raise NotFound(Text("This session has ended already."))


def revoke_key(tx: Tx, roles: Roles, by: Actor, key_id: str) -> None:
    """Revoke an API key of anybody: it is refused from then on. Raise ``NotFound``, or
    ``Forbidden`` where its owner holds a permission that ``by`` lacks."""
    key = owned_key(key_id).one()
    if key is None:
        raise NotFound(Text("This key has been revoked already."))
    _managed(tx, roles, by, key.user_id)
    if not key_services.revoke_key(tx, key_id):
        raise NotFound(Text("This key has been revoked already."))


def delete(tx: Tx, roles: Roles, by: Actor, id: str) -> None:
    """Delete a user, with their sessions and grants; what they made stays.

    Raise ``NotFound``, ``Forbidden``, or ``Conflict`` for oneself and for the last administrator.
    """
    user = _managed(tx, roles, by, id)
    _not_oneself(by, id, Text("You cannot delete your own account."))
    keep_an_administrator(tx, [id])
    User.delete().where(User.id == id).execute()
    services.audit_user(tx, "deleted", user, before=services.recorded(user))


def close(tx: Tx, id: str) -> None:
    """Close a temporary account now: its sessions and links end. The last administrator stays."""
    user = User.get_or_none(User.id == id)
    keep_an_administrator(tx, [id])
    User.update(status=EXPIRED, expires_at=tx.now, updated_at=tx.now).where(User.id == id).execute()
    end_all_sessions(tx, id)
    links.end(tx, user_id=id)
    if user is not None:
        services.audit_user(tx, "expired", user)


def expire(tx: Tx) -> int:
    """Store the end of some temporary accounts whose time has passed; return how many."""
    due = (
        User.select(User.id)
        .where(User.expires_at <= tx.now, User.status.in_([ACTIVE, INVITED]))
        .order_by(User.expires_at)
        .limit(_BATCH)
    )
    ids = [str(row.id) for row in due]
    for id in ids:
        still = (User.id == id) & (User.expires_at <= tx.now)
        still &= User.status.in_([ACTIVE, INVITED])
        if User.update(status=EXPIRED, updated_at=tx.now).where(still).execute():
            end_all_sessions(tx, id)
            links.end(tx, user_id=id)
            services.audit_user(tx, "expired", _user(id))
    return len(ids)


def _managed(tx: Tx, roles: Roles, by: Actor, id: str) -> User:
    """Return a user whom ``by`` may manage; nobody else changes them until the end."""
    _lock(tx, [id])
    user = User.get_or_none(User.id == id)
    if user is None:
        raise NotFound(Text("There is no such user."))
    check_outranks(by, rights_of(roles, id))
    return user


def _invited(tx: Tx, roles: Roles, by: Actor, id: str) -> User:
    """Return a user whom ``by`` may manage, and who has not accepted their invitation."""
    user = _managed(tx, roles, by, id)
    is_over = user.expires_at is not None and user.expires_at <= tx.now
    if user.status != INVITED or is_over:
        raise Conflict(Text("This person has no open invitation."), code="not_invited")
    return user


def _lock(tx: Tx, ids: Collection[str]) -> None:
    """Have nobody else change these users until the end, nor who is an administrator."""
    if tx.dialect == "postgresql":
        # With the administrators, in one order: of two who suspend each other one waits, and is
        # refused as the last.
        either = User.id.in_(list(ids)) | (User.role == SUPER_ADMIN)
        list(User.select(User.id).where(either).order_by(User.id).for_update())


def keep_an_administrator(tx: Tx, ids: Collection[str]) -> None:
    """Raise ``Conflict`` where no permanent administrator who can sign in would be left without
    these users. Nobody else changes who is one until the end."""
    _lock(tx, ids)
    if (reason := last_administrator(ids)) is not None:
        raise Conflict(reason, code="last_administrator")


def last_administrator(ids: Collection[str]) -> Text | None:
    """Return why these users cannot all be deleted: no administrator would be left."""
    if not User.select().where(User.id.in_(list(ids)), User.role == SUPER_ADMIN).exists():
        return None
    administrators = User.select(User.id).where(
        User.role == SUPER_ADMIN, User.status == ACTIVE, User.expires_at.is_null()
    )
    if any(str(row.id) not in ids for row in administrators):
        return None
    return Text(
        "This is the last administrator. Give another user the role {role} first.",
        role=SUPER_ADMIN,
    )


def _check_role(tx: Tx, roles: Roles, by: Actor, role: str) -> None:
    try:
        check_assignable(tx, roles, by, role)
    except UnknownRole as unknown:
        raise Invalid([FieldError("role", unknown.args[0])]) from None


def _check_end(tx: Tx, expires_at: datetime | None) -> None:
    if expires_at is not None and expires_at <= tx.now:
        raise Invalid([FieldError("expires_at", Text("Enter a time in the future."))])


def _check_email_is_free(email: str) -> None:
    if User.select().where(User.email == email).exists():
        raise _taken(email)


def _taken(email: str) -> Conflict:
    return _email_taken(EmailTaken(Text("{email} already has an account.", email=email)))


def _email_taken(taken: EmailTaken) -> Conflict:
    return Conflict(taken.args[0], code="email_taken", errors=[FieldError("email", taken.args[0])])


def _not_oneself(by: Actor, id: str, problem: Text) -> None:
    if by.user_id == id:  # also through an API key of theirs
        raise Conflict(problem, code="own_account")


def _set_status(tx: Tx, id: str, status: str) -> None:
    User.update(status=status, updated_at=tx.now).where(User.id == id).execute()


def _user(id: str) -> User:
    return User.get(User.id == id)
