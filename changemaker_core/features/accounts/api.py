"""The interface of accounts for the command line and other plugins."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from changemaker_core import BadSignature, InvalidId, Redirect
from changemaker_core.features.accounts import passwords
from changemaker_core.features.accounts.browser.sessions import SESSIONS_PATH, sessions_of
from changemaker_core.features.accounts.config import AccountsConfig
from changemaker_core.features.accounts.joining import services as joining
from changemaker_core.features.accounts.joining.purposes import PURPOSES
from changemaker_core.features.accounts.joining.purposes import SIGN_IN as SIGN_IN_LINK
from changemaker_core.features.accounts.joining.requests import check_magic_links
from changemaker_core.features.accounts.keys import services as key_services
from changemaker_core.features.accounts.keys.queries import (
    OwnedKey,
    all_keys,
    keys_with_owners,
    owned_key,
)
from changemaker_core.features.accounts.keys.resources import permissions_of
from changemaker_core.features.accounts.keys.services import KeyRefused, NewKey
from changemaker_core.features.accounts.passwords import hashing
from changemaker_core.features.accounts.roles import services as role_services
from changemaker_core.features.accounts.roles.queries import (
    stored_roles,
    users_by_granted_role,
    users_by_role,
)
from changemaker_core.features.accounts.roles.resources import all_roles
from changemaker_core.features.accounts.roles.rights import current_rights, rights_of
from changemaker_core.features.accounts.roles.roles import (
    EVERYTHING,
    READ_ROLES,
    READ_USERS,
    SUPER_ADMIN,
    USER,
    WRITE_ROLES,
    WRITE_USERS,
    Roles,
    UnknownRole,
    roles_of,
)
from changemaker_core.features.accounts.roles.rules import check_outranks
from changemaker_core.features.accounts.roles.schemas import NewRoleName, RoleOut
from changemaker_core.features.accounts.roles.services import (
    OPERATOR,
    check_assignable,
    end_grants,
    visitor,
)
from changemaker_core.features.accounts.sessions.devices import describe
from changemaker_core.features.accounts.sessions.queries import ListedSession, sessions_of_user
from changemaker_core.features.accounts.signing_in import known_devices, second_step, verification
from changemaker_core.features.accounts.signing_in.services import Verified
from changemaker_core.features.accounts.twofactor import challenge_cookie
from changemaker_core.features.accounts.twofactor.required import TWO_FACTOR_PATH
from changemaker_core.features.accounts.users import management, services
from changemaker_core.features.accounts.users.emails import Spelling, respell
from changemaker_core.features.accounts.users.queries import (
    account_by_email,
    account_by_id,
    team_members,
    team_users,
    user_ids,
)
from changemaker_core.features.accounts.users.resources import detail_of, shown
from changemaker_core.features.accounts.users.schemas import (
    GrantOut,
    NewUser,
    TeamMember,
    TeamUser,
    UserChange,
    UserDetail,
)
from changemaker_core.features.accounts.users.services import (
    AccountRefused,
    DetailsRefused,
    EmailTaken,
    PasswordRefused,
    UnknownUser,
)
from changemaker_core.mail import canonical_email

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

    from changemaker_core import Actor, Request, Site, Tx
from changemaker_core.features.accounts.users.queries import Account

__all__ = [
    "EVERYTHING",
    "READ_ROLES",
    "READ_USERS",
    "SUPER_ADMIN",
    "USER",
    "WRITE_ROLES",
    "WRITE_USERS",
    "Account",
    "AccountRefused",
    "DetailsRefused",
    "EmailTaken",
    "GrantOut",
    "KeyRefused",
    "ListedSession",
    "NewRoleName",
    "NewUser",
    "OwnedKey",
    "PasswordRefused",
    "RoleOut",
    "Roles",
    "TeamMember",
    "TeamUser",
    "UnknownRole",
    "UnknownUser",
    "UserChange",
    "UserDetail",
    "account_by_email",
    "account_by_id",
    "all_keys",
    "all_roles",
    "change_password",
    "check_may_manage",
    "complete_sign_in",
    "count_users",
    "create_key",
    "create_user",
    "describe",
    "detail_of",
    "end_grants",
    "expire_user",
    "grant",
    "invite",
    "is_registration_open",
    "issue_link",
    "keys",
    "keys_with_owners",
    "management",
    "open_sessions",
    "owned_key",
    "page_after_sign_in",
    "reset_two_factor",
    "respell_emails",
    "revoke_key",
    "rights_of",
    "role_services",
    "roles_of",
    "set_password",
    "shown",
    "sign_in",
    "sign_in_account",
    "sign_in_address",
    "sign_out",
    "signed_path",
    "stored_roles",
    "suspend",
    "team_members",
    "team_users",
    "unlock",
    "users_by_granted_role",
    "users_by_role",
]

SIGN_IN: Final = "/sign-in"
#: How long the address of a page to return to stays valid.
_NEXT_LASTS: Final = timedelta(hours=12)


async def count_users(site: Site, status: str) -> int:
    """Return how many users are ``ACTIVE``, ``INVITED``, ``SUSPENDED`` or ``EXPIRED``."""
    return await site.db.count(user_ids(status))


def create_user(
    site: Site, *, email: str, name: str, role: str, password: str | None = None
) -> tuple[str, str]:
    """Create a user and return ``(id, password)``. Without a ``password``, generate one.

    Blocks for hashing and the database: never call it in the event loop. Raise ``UnknownRole`` or a
    subclass of ``AccountRefused``: ``DetailsRefused``, ``PasswordRefused``, ``EmailTaken``.
    """
    services.check_details(email, name)
    if password is None:
        password = passwords.generate()
    services.check_password(site, password, email, name)
    hashed = passwords.hash_password(password)

    def create(tx: Tx) -> str:
        check_assignable(tx, roles_of(site), OPERATOR, role)
        return services.create_user(tx, email=email, name=name, role=role, password_hash=hashed)

    return site.db.sync.write(create), password


def invite(
    tx: Tx,
    site: Site,
    *,
    email: str,
    name: str,
    role: str = USER,
    expires_at: datetime | None = None,
    locale: str | None = None,
    by: Actor | None = None,
) -> str:
    """Invite a person by mail, inside the caller's transaction, and return the id of their account.

    From ``expires_at`` on, the account is closed. ``by`` must hold what the role allows: without
    it, whoever acts in the transaction, which in a job is the site. A visitor who has not signed in
    can be the cause of accounts with the role ``USER``; a plugin that lets them be invited to more
    says in whose name, such as ``by=SYSTEM``. Raise ``DetailsRefused``, ``Invalid``,
    ``Forbidden``, or ``Conflict`` for an email address that has an account.
    """
    services.check_details(email, name)
    new = NewUser(email=email, name=name, role=role, expires_at=expires_at, locale=locale)
    roles = roles_of(site)
    return management.create(tx, roles, by or tx.actor or visitor(roles), new, None)


def is_registration_open(site: Site) -> bool:
    """Return whether visitors can open an account themselves, with the role ``USER``."""
    return site.config_of(AccountsConfig).registration == "open"


def check_may_manage(site: Site, by: Actor, user_id: str) -> None:
    """Raise ``Forbidden`` if a user may do something that ``by`` may not. Call it inside a read."""
    check_outranks(by, rights_of(roles_of(site), user_id))


async def open_sessions(site: Site, user_id: str) -> list[ListedSession]:
    """Return where a user is signed in, in browsers and by the API; the last used first."""
    now = site.clock()
    return await site.db.all(sessions_of_user(user_id, sessions_of(site).idle_since(now), now))


def expire_user(tx: Tx, user_id: str) -> None:
    """Close a temporary account now, inside the caller's transaction; its sessions end."""
    management.close(tx, user_id)


def set_password(site: Site, *, email: str, password: str) -> None:
    """Replace a user's password. All of the user's sessions end, within seconds in every process.

    Blocks for hashing and the database: never call it in the event loop. Raise ``UnknownUser`` or
    ``PasswordRefused``.
    """
    account = site.db.sync.one(account_by_email(canonical_email(email)))
    services.check_password(site, password, email, "" if account is None else account.name)
    hashed = passwords.hash_password(password)
    site.db.sync.write(lambda tx: services.set_password(tx, services.user_id_of(email), hashed))


def grant(site: Site, *, email: str, role: str, scope: str, object_id: str) -> None:
    """Give a user a role for one object.

    Blocks for the database. Raise ``UnknownUser``, or ``Invalid``, which says what does not exist.
    """
    roles = roles_of(site)

    def give(tx: Tx) -> None:
        id = services.user_id_of(email)
        role_services.grant(tx, roles, OPERATOR, id, role=role, scope=scope, object_id=object_id)

    site.db.sync.write(give)


def keys(site: Site, *, email: str | None = None) -> list[OwnedKey]:
    """Return the API keys of a user, or of all; 1,000 at most, the newest first.

    Blocks for the database. Raise ``UnknownUser``.
    """
    if email is not None:
        site.db.sync.read(services.user_id_of, email)
    return site.db.sync.all(keys_with_owners(email=email and canonical_email(email)))


def create_key(
    site: Site,
    *,
    email: str,
    name: str,
    permissions: Iterable[str],
    lasts: timedelta | None = None,
) -> NewKey:
    """Create an API key for a user; ``lasts`` is how long it is valid, ``None`` is for ever.

    Blocks for the database. Raise ``UnknownUser``, or ``KeyRefused``, whose text tells why.
    """
    known = permissions_of(site)

    def create(tx: Tx) -> NewKey:
        owner = rights_of(roles_of(site), services.user_id_of(email)).actor()
        expires_at = None if lasts is None else tx.now + lasts
        return key_services.create_key(
            tx, owner, name=name, permissions=permissions, known=known, expires_at=expires_at
        )

    return site.db.sync.write(create)


def revoke_key(site: Site, id: str) -> bool:
    """Revoke an API key, and return whether there was one. Blocks for the database."""
    try:
        return site.db.sync.write(key_services.revoke_key, id)
    except InvalidId:
        return False


def reset_two_factor(site: Site, *, email: str) -> bool:
    """Turn two-factor sign-in off for a user who has lost their authenticator and their codes.

    Their sessions end, and they are notified by mail. Return whether it was on. Blocks for the
    database. Raise ``UnknownUser``.
    """
    roles = roles_of(site)
    return site.db.sync.write(
        lambda tx: management.reset_two_factor(tx, roles, OPERATOR, services.user_id_of(email))
    )


def issue_link(site: Site, *, purpose: str, email: str, mailed: bool) -> str:
    """Issue a link as those in mails, for the operator to pass on, and return its address.

    ``purpose`` is ``sign_in``, ``reset``, ``email`` or ``registration``. The link is also sent to
    ``email`` if it is to be ``mailed``. Blocks for the database. Raise ``UnknownUser``,
    ``Invalid``, ``Forbidden`` where such links are turned off, or ``Conflict`` for an account that
    cannot use it.
    """
    wanted = PURPOSES[purpose]
    if wanted == SIGN_IN_LINK:
        check_magic_links(site)
    return site.db.sync.write(joining.hand_out, site, wanted, email, mailed=mailed)


def respell_emails(site: Site) -> list[Spelling]:
    """Store email addresses as sign-in looks for them, where no other account has that spelling.

    Return all that were in another one; of those with an ``other`` account a person must decide.
    Blocks for the database.
    """
    return site.db.sync.write(respell)


def suspend(site: Site, *, email: str) -> None:
    """Suspend a user: they cannot sign in, and their sessions end.

    Blocks for the database. Raise ``UnknownUser``, or ``Conflict`` for the last administrator.
    """
    roles = roles_of(site)
    site.db.sync.write(
        lambda tx: management.suspend(tx, roles, OPERATOR, services.user_id_of(email))
    )


def unlock(site: Site, *, email: str) -> None:
    """End every wait after wrong passwords for a user, from wherever. Raise ``UnknownUser``.

    Blocks for the database.
    """

    roles = roles_of(site)
    site.db.sync.write(
        lambda tx: management.unlock(tx, roles, OPERATOR, services.user_id_of(email))
    )


async def sign_in(req: Request, email: str, password: str, *, return_to: str = "") -> Redirect:
    """Open a browser session, and return the redirect that sets its cookie.

    It leads to ``page_after_sign_in(site, user, return_to)``, or for those who use two-factor
    sign-in to the page that asks for their code. A session that the browser had ends.
    The device is recognised from then on, at the address of ``req``: wrong passwords that others
    try do not make it wait. Raise ``Unauthorized``, the same and after the same time whatever is
    wrong, ``LimitReached``, or ``Unavailable`` where too many sign in at the moment.
    """
    verified = await verification.verify(req, email, password)
    device = known_devices.cookie(req, verified.account.id, req.path)
    return await _open_or_ask(req, verified, return_to, device)


async def complete_sign_in(req: Request, challenge: str, code: str) -> Redirect:
    """Open a browser session with the code of the second factor, after ``sign_in``.

    Raise ``Unauthorized`` for a wrong code, ``ChallengeOver`` where the password is needed again,
    or ``LimitReached``.
    """
    verified, held = await second_step.complete(req, challenge, code)
    device = known_devices.cookie(req, verified.account.id, held.path)
    forget = challenge_cookie.forget(req)
    return await _signed_in(req, verified, held.return_to, device, forget)


async def sign_in_account(req: Request, account: Account, path: str = "") -> Redirect:
    """Open a browser session for a user who has proved who they are in another way than by their
    password; return the redirect to ``path`` or the first page of their menu.

    Those who use two-factor sign-in are asked for their code first. Raise ``Unauthorized`` if the
    account was changed meanwhile.
    """
    return_to = signed_path(req.site, path) if path else ""
    return await _open_or_ask(req, Verified(account, None, req.visitor), return_to)


async def change_password(req: Request, user_id: str, *, current: str, new: str) -> Redirect:
    """Replace a user's password, and return the redirect that signs this browser in again.

    All of the user's sessions end, and they are told by mail. Raise ``Unauthorized`` if ``current``
    is not the password,
    ``PasswordRefused``, ``LimitReached``, or ``Unavailable`` where too many sign in.
    """
    site = req.site
    account = await site.db.one(account_by_id(user_id))
    if account is None:
        raise verification.wrong()
    services.check_password(site, new, account.email, account.name)
    verified = await verification.verify(req, account.email, current)
    with hashing.queue.place(verified.source, is_known=verified.is_known):
        new_hash = await verification.hashed(new)
    changed = await site.db.write(joining.change_password, verified.account, new_hash)
    if changed is None:  # by its owner, who has got a new password by mail meanwhile
        raise verification.wrong()
    # Whoever is signed in has shown the second factor, if they have one.
    return await _signed_in(req, verified._replace(account=changed, new_hash=None, has_code=True))


async def sign_out(req: Request) -> Redirect:
    """End the request's browser session; return the redirect that deletes its cookie."""
    header = await sessions_of(req.site).close(req)
    return Redirect(f"{SIGN_IN}?signed_out=1", headers=(header,))


def sign_in_address(site: Site, path: str) -> str:
    """Return the address of the sign-in page from which a visitor returns to ``path``.

    ``path``, with its query, is signed: nobody can make a link that leads elsewhere after sign-in.
    Without one the visitor then sees the first page of their menu.
    """
    if not path:
        return SIGN_IN
    return f"{SIGN_IN}?{urlencode({'next': signed_path(site, path)})}"


def signed_path(site: Site, path: str) -> str:
    """Return a token of ``path`` for ``page_after_sign_in``."""
    return site.signer("accounts.next").write(path, lasts=_NEXT_LASTS)


def page_after_sign_in(site: Site, user: Actor, return_to: str = "") -> str:
    """Return the path in the token ``return_to`` if it is valid, else the first of their menu."""
    try:
        return site.signer("accounts.next").read(return_to, str)
    except BadSignature:
        own = (entry.path for entry in site.navigation if entry.is_for(user))
        return next(own, SESSIONS_PATH)


async def _open_or_ask(
    req: Request, verified: Verified, return_to: str, *headers: tuple[str, str]
) -> Redirect:
    """Open a session, or ask for the code that is missing."""
    if verified.needs_code:
        header = challenge_cookie.remember(req, second_step.challenge(req, verified, return_to))
        return Redirect(challenge_cookie.PATH, headers=(header,))
    return await _signed_in(req, verified, return_to, *headers)


async def _signed_in(
    req: Request, verified: Verified, return_to: str = "", *headers: tuple[str, str]
) -> Redirect:
    session = await sessions_of(req.site).open(req, verified)
    account = verified.account
    rights = await current_rights(req.site, account.id)
    page = TWO_FACTOR_PATH
    if rights.basic is None:
        page = page_after_sign_in(req.site, rights.actor(), return_to)
    return Redirect(page, headers=(session, *headers))
