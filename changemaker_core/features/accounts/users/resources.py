"""Users over HTTP, for those who manage the team."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
from msgspec import UNSET

from changemaker_core import (
    Actor,
    Cursors,
    FieldError,
    Invalid,
    NotFound,
    Paginated,
    Text,
    Unauthorized,
    endpoint,
    paginate,
)
from changemaker_core.features.accounts.own import check_recent_sign_in_unless_key
from changemaker_core.features.accounts.passwords import hashing
from changemaker_core.features.accounts.roles import services as role_services
from changemaker_core.features.accounts.roles.queries import grants_of
from changemaker_core.features.accounts.roles.rights import rights_of
from changemaker_core.features.accounts.roles.roles import READ_USERS, USER, WRITE_USERS, roles_of
from changemaker_core.features.accounts.signing_in.verification import hashed
from changemaker_core.features.accounts.users import management, queries, services
from changemaker_core.features.accounts.users.models import ACTIVE, EXPIRED, INVITED
from changemaker_core.features.accounts.users.schemas import (
    GrantOut,
    Grants,
    NewGrant,
    NewUser,
    TeamUser,
    UserChange,
    UserDetail,
    UserQuery,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from changemaker_core import Request, Response, Site
    from changemaker_core.features.accounts.roles.roles import Roles


class _Managing:
    """What the resources of users share."""

    #: What statuses mean that the rules of managing accounts lead to.
    refusals: ClassVar = {
        403: "The user holds, or would get, a permission that you do not hold.",
        409: "The email address is in use; or it is your own account, or the last administrator.",
    }

    def __init__(self, site: Site) -> None:
        self._site = site
        self._roles = roles_of(site)

    async def _change(self, req: Request, rule: Callable[..., Any], id: str, *more: Any) -> Any:
        """Run a rule of ``management`` or of grants for the actor of a request."""
        by = actor_of(req)
        return await self._site.db.write(lambda tx: rule(tx, self._roles, by, id, *more))

    async def _detail(self, id: str) -> UserDetail:
        return await self._site.db.read(detail_of, self._roles, id, self._site.clock())


class UsersResource(_Managing):
    """``/api/users``"""

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self._cursors = Cursors(site.signer("accounts.users"))

    @endpoint(permission=READ_USERS, query=UserQuery, response=Paginated[TeamUser])
    async def on_get(
        self, req: Request, resp: Response, *, query: UserQuery
    ) -> Paginated[TeamUser]:
        """List all users, newest first."""
        after = self._cursors.after(query)
        filters: dict[str, Any] = {"role": query.role, "status": query.status, "text": query.q}
        wanted = queries.team_users(
            **filters,
            before=after[0] if after else None,
            limit=query.limit + 1,
            offset=query.offset,
        )
        now = self._site.clock()
        rows = [shown(row, now) for row in await self._site.db.all(wanted)]
        total = await self._site.db.count(queries.team_users(**filters))
        return paginate(rows, query, total, cursor=lambda last: self._cursors.write(last.id))

    @endpoint(
        permission=WRITE_USERS,
        body=NewUser,
        response=UserDetail,
        status=201,
        responses=_Managing.refusals,
    )
    async def on_post(self, req: Request, resp: Response, *, body: NewUser) -> UserDetail:
        """Create a user. Without a password they are invited, and choose one themselves.

        To give a password, or another role than `USER`, needs a recent sign-in.
        """
        if body.password is not None or body.role != USER:
            await check_recent_sign_in_unless_key(req)
        by, password_hash = actor_of(req), None
        if body.password is not None:
            try:
                services.check_password(self._site, body.password, body.email, body.name)
            except services.PasswordRefused as refused:
                raise Invalid([FieldError("password", refused.args[0])]) from None
            with hashing.queue.place(f"user {by.user_id or by.id}", is_known=True):
                password_hash = await hashed(body.password)
        id = await self._site.db.write(
            lambda tx: management.create(tx, self._roles, by, body, password_hash)
        )
        resp.set_header("Location", f"{req.root_path}/api/users/{id}")
        return await self._detail(id)


class UserResource(_Managing):
    """``/api/users/{id}``"""

    @endpoint(permission=READ_USERS, response=UserDetail)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> UserDetail:
        """Return a user, with what they may do."""
        return await self._detail(id)

    @endpoint(
        permission=WRITE_USERS,
        body=UserChange,
        response=UserDetail,
        responses=_Managing.refusals,
    )
    async def on_patch(
        self, req: Request, resp: Response, *, id: str, body: UserChange
    ) -> UserDetail:
        """Change a user. A new email address has to be verified again.

        To change the role or the email address needs a recent sign-in.
        """
        if body.role is not UNSET or body.email is not UNSET:
            await check_recent_sign_in_unless_key(req)
        await self._change(req, management.change, id, body)
        return await self._detail(id)

    @endpoint(permission=WRITE_USERS, status=204, responses=_Managing.refusals)
    async def on_delete(self, req: Request, resp: Response, *, id: str) -> None:
        """Delete a user, with their sessions; what they made stays. Needs a recent sign-in."""
        await check_recent_sign_in_unless_key(req)
        await self._change(req, management.delete, id)


class InviteResource(_Managing):
    """``/api/users/{id}/invite``"""

    #: What statuses mean that the rules of invitations lead to.
    refused: ClassVar = {**_Managing.refusals, 409: "The person has no open invitation."}

    @endpoint(permission=WRITE_USERS, status=202, responses=refused)
    async def on_post(self, req: Request, resp: Response, *, id: str) -> None:
        """Send an invitation once more. The link in the former mail ends."""
        await self._change(req, management.invite, id)

    @endpoint(permission=WRITE_USERS, status=204, responses=refused)
    async def on_delete(self, req: Request, resp: Response, *, id: str) -> None:
        """Withdraw an invitation that was not accepted: the account is deleted."""
        await self._change(req, management.withdraw, id)


class SuspendResource(_Managing):
    """``/api/users/{id}/suspend``"""

    @endpoint(permission=WRITE_USERS, response=UserDetail, responses=_Managing.refusals)
    async def on_post(self, req: Request, resp: Response, *, id: str) -> UserDetail:
        """Suspend a user: they cannot sign in, and their sessions end."""
        await self._change(req, management.suspend, id)
        return await self._detail(id)


class ReactivateResource(_Managing):
    """``/api/users/{id}/reactivate``"""

    @endpoint(permission=WRITE_USERS, response=UserDetail, responses=_Managing.refusals)
    async def on_post(self, req: Request, resp: Response, *, id: str) -> UserDetail:
        """Let a suspended user sign in again."""
        await self._change(req, management.reactivate, id)
        return await self._detail(id)


class UnlockResource(_Managing):
    """``/api/users/{id}/unlock``"""

    @endpoint(permission=WRITE_USERS, status=204, responses=_Managing.refusals)
    async def on_post(self, req: Request, resp: Response, *, id: str) -> None:
        """End every wait after wrong passwords for a user."""
        await self._change(req, management.unlock, id)


class ResetTwoFactorResource(_Managing):
    """``/api/users/{id}/reset-two-factor``"""

    @endpoint(permission=WRITE_USERS, status=204, responses=_Managing.refusals)
    async def on_post(self, req: Request, resp: Response, *, id: str) -> None:
        """Turn two-factor sign-in off for a user who has lost phone and recovery codes.

        Make sure that it is them who ask. Their sessions end, and they get a mail about it. Needs
        a recent sign-in.
        """
        await check_recent_sign_in_unless_key(req)
        await self._change(req, management.reset_two_factor, id)


class UserSessionsResource(_Managing):
    """``/api/users/{id}/sessions``"""

    @endpoint(permission=WRITE_USERS, status=204, responses=_Managing.refusals)
    async def on_delete(self, req: Request, resp: Response, *, id: str) -> None:
        """Sign a user out everywhere."""
        await self._change(req, management.end_sessions, id)


class GrantsResource(_Managing):
    """``/api/users/{id}/grants``"""

    @endpoint(permission=READ_USERS, response=Grants)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> Grants:
        """List the roles that a user holds for one object each."""
        return Grants((await self._detail(id)).grants)

    @endpoint(
        permission=WRITE_USERS,
        body=NewGrant,
        response=GrantOut,
        status=201,
        responses=_Managing.refusals,
    )
    async def on_post(self, req: Request, resp: Response, *, id: str, body: NewGrant) -> GrantOut:
        """Give a user a role for one object; once more changes nothing. Needs a recent sign-in."""
        await check_recent_sign_in_unless_key(req)
        by = actor_of(req)
        grant_id = await self._site.db.write(
            lambda tx: role_services.grant(tx, self._roles, by, id, **msgspec.structs.asdict(body))
        )
        grants = (await self._detail(id)).grants
        return next(grant for grant in grants if grant.id == grant_id)


class GrantResource(_Managing):
    """``/api/users/{id}/grants/{grant}``"""

    @endpoint(permission=WRITE_USERS, status=204, responses=_Managing.refusals)
    async def on_delete(self, req: Request, resp: Response, *, id: str, grant: str) -> None:
        """Take a role for one object from a user."""
        await self._change(req, role_services.end_grant, id, grant)


def detail_of(roles: Roles, id: str, now: datetime) -> UserDetail:
    """Return a user with what they may do, inside a unit of work. Raise ``NotFound``."""
    user = queries.team_user(id).one()
    if user is None:
        raise NotFound(Text("There is no such user."))
    grants = [
        GrantOut(**msgspec.structs.asdict(row), title=roles.title_of(row.scope, row.object_id))
        for row in grants_of(id).all()
    ]
    return UserDetail(
        **msgspec.structs.asdict(shown(user, now)),
        permissions=sorted(rights_of(roles, id).permissions),
        grants=grants,
    )


def shown(user: TeamUser, now: datetime) -> TeamUser:
    """Return a user with the status that they have ``now``, stored or not yet."""
    over = user.expires_at is not None and user.expires_at <= now
    if over and user.status in (ACTIVE, INVITED):
        return msgspec.structs.replace(user, status=EXPIRED)
    return user


def actor_of(req: Request) -> Actor:
    """Return who sends the request. Raise ``Unauthorized`` for nobody."""
    if req.actor is None:
        raise Unauthorized
    return req.actor
