"""Requests and responses of the API about users."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import UNSET, Meta, UnsetType

from changemaker_core import Body, CursorQuery, Email, Password, PersonName, SingleLine

Status = Literal["ACTIVE", "INVITED", "SUSPENDED", "EXPIRED"]
RoleName = Annotated[str, Meta(min_length=1, max_length=64)]
_Name = Annotated[PersonName, Meta(min_length=1, max_length=200)]
_Phone = Annotated[SingleLine, Meta(max_length=32)]
_Locale = Annotated[str, Meta(max_length=8, pattern=r"^[a-z]{2,3}(?:-[A-Z]{2})?(?![\s\S])")]
_Time = Annotated[datetime, Meta(tz=True)]


class NewUser(Body, frozen=True):
    """A new user. Without a ``password`` they are invited, and choose one themselves.

    From ``expires_at`` on, the account is closed.
    """

    email: Email
    name: _Name
    role: RoleName = "USER"
    phone: _Phone = ""
    locale: _Locale | None = None
    expires_at: _Time | None = None
    password: Annotated[Password, Meta(min_length=1)] | None = None


class UserChange(Body, frozen=True):
    """Changes to a user; fields that are left out stay as they are."""

    email: Email | UnsetType = UNSET
    name: _Name | UnsetType = UNSET
    role: RoleName | UnsetType = UNSET
    phone: _Phone | UnsetType = UNSET
    locale: _Locale | UnsetType = UNSET
    expires_at: _Time | UnsetType | None = UNSET


class UserQuery(CursorQuery, frozen=True, kw_only=True):
    """Filters of the list of users. ``q`` is part of a name or of an email address, whatever its
    case and accents."""

    q: Annotated[str, Meta(min_length=1, max_length=200)] | None = None
    role: RoleName | None = None
    status: Status | None = None


class TeamUser(msgspec.Struct, frozen=True, kw_only=True):
    """A user, for those who manage the team."""

    id: str
    email: str
    email_verified_at: datetime | None
    name: str
    phone: str
    role: str
    status: Status
    locale: str
    expires_at: datetime | None
    created_by: str | None
    created_at: datetime
    updated_at: datetime
    last_login_at: datetime | None
    has_two_factor: bool


class TeamMember(TeamUser, frozen=True, kw_only=True):
    """A user in the list of the team; ``single_roles`` is how many roles for one object they
    hold."""

    single_roles: int


class GrantOut(msgspec.Struct, frozen=True, kw_only=True):
    """A role that a user holds for one object.

    ``title`` is the object's; null where it is no more, or its plugin is not installed: the grant
    then allows nothing.
    """

    id: str
    role: str
    scope: str
    object_id: str
    title: str | None
    created_by: str | None
    created_at: datetime


class UserDetail(TeamUser, frozen=True, kw_only=True):
    """A user, with what they may do: for the whole site, and by roles limited to one object."""

    permissions: list[str]
    grants: list[GrantOut]


class NewGrant(Body, frozen=True):
    """A role for one object: ``{"scope": "petitions.petition", "object_id": "0198f2…"}``."""

    role: RoleName
    scope: Annotated[str, Meta(min_length=1, max_length=100)]
    object_id: Annotated[str, Meta(min_length=1, max_length=64)]


class Grants(msgspec.Struct, frozen=True):
    """All roles that a user holds for one object each."""

    data: list[GrantOut]
