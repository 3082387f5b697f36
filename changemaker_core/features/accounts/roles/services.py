"""Rules of roles that a site makes, and of roles that users hold for one object.

``by`` is who acts: an actor of a request, or ``OPERATOR`` at the command line.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from changemaker_core import (
    Actor,
    Conflict,
    EditConflict,
    FieldError,
    Invalid,
    NotFound,
    Text,
    new_id,
)
from changemaker_core.features.accounts.roles import queries
from changemaker_core.features.accounts.roles.models import Grant, StoredRole
from changemaker_core.features.accounts.roles.rights import rights_of
from changemaker_core.features.accounts.roles.roles import (
    EVERYTHING,
    UnknownRole,
    by_name,
)
from changemaker_core.features.accounts.roles.rules import check_holds, check_outranks
from changemaker_core.features.accounts.users.queries import lock_user

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence
    from datetime import datetime

    from changemaker_core import Tx
    from changemaker_core.features.accounts.roles.roles import Roles, Stored

#: Who acts at the command line: whoever can read the site's secret may do everything.
OPERATOR: Final = Actor("system", "", "operator", frozenset({EVERYTHING}))
_NAMED = 3


def visitor(roles: Roles) -> Actor:
    """Return who acts where nobody has signed in: they give what everybody has, and no more."""
    return Actor("system", "", "visitor", roles.basic)


def create_role(
    tx: Tx, roles: Roles, by: Actor, *, name: str, description: str, permissions: Collection[str]
) -> None:
    """Make a role. Raise ``Conflict`` for a name that is taken, ``Invalid``, or ``Forbidden``."""
    _check_registered(roles, permissions)
    check_holds(by, permissions)
    stored = queries.stored_roles().all()
    if name in roles.declared or any(role.name == name for role in stored):
        raise _role_exists(name)
    if len(stored) >= queries.MOST_ROLES:
        most = queries.MOST_ROLES
        raise Conflict(Text("A site has at most {most} roles of its own.", most=most))
    values = {"name": name, "description": description, "permissions": sorted(permissions)}
    added = StoredRole.insert(**values, created_at=tx.now, updated_at=tx.now)
    if not added.on_conflict("NOTHING").as_rowcount().execute():
        raise _role_exists(name)  # PostgreSQL: by another process, since the look above
    tx.audit("accounts.role.created", name, label=name, after=values)


def change_role(
    tx: Tx,
    roles: Roles,
    by: Actor,
    name: str,
    *,
    description: str | None = None,
    permissions: Collection[str] | None = None,
    seen: datetime | None = None,
) -> None:
    """Change a role that the site made; its holders' rights change within a second.

    ``seen`` is the ``updated_at`` of the role that the change was made on: raise ``EditConflict``
    where it was changed since.
    ``by`` must hold what it allowed and what it will allow. Permissions of a plugin that is gone
    can stay or go. Raise ``NotFound``, ``Conflict`` for a role of a plugin, ``Invalid``,
    ``Forbidden``.
    """
    role = _locked(tx, roles, name)
    if seen is not None and role.updated_at != seen:
        raise EditConflict(role.updated_at, None)
    values: dict[str, Any] = {"updated_at": tx.now}
    before = frozenset(role.permissions)
    check_holds(by, before)
    if description is not None:
        values["description"] = description
    if permissions is not None:
        _check_registered(roles, frozenset(permissions) - before)
        check_holds(by, permissions)
        values["permissions"] = sorted(permissions)
    StoredRole.update(**values).where(StoredRole.name == name).execute()
    former = {"description": role.description, "permissions": sorted(role.permissions)}
    del values["updated_at"]
    tx.audit("accounts.role.changed", name, label=name, before=former, after=former | values)


def delete_role(tx: Tx, roles: Roles, by: Actor, name: str) -> None:
    """Delete a role that the site made and nobody holds.

    Raise ``NotFound``, ``Forbidden``, or ``Conflict``, which says who holds it.
    """
    role = _locked(tx, roles, name)
    check_holds(by, role.permissions)
    holders = [*queries.users_with(name).all(), *queries.users_granted(name).all()]
    if holders:
        names = list(dict.fromkeys(each.name or each.email for each in holders))
        shown = ", ".join(names[:_NAMED]) + ("…" if len(names) > _NAMED else "")
        raise Conflict(
            Text("This role is held by {names}. Give them another role first.", names=shown),
            code="role_in_use",
        )
    StoredRole.delete().where(StoredRole.name == name).execute()
    former = {"description": role.description, "permissions": sorted(role.permissions)}
    tx.audit("accounts.role.deleted", name, label=name, before=former)


def check_assignable(tx: Tx, roles: Roles, by: Actor, role: str) -> None:
    """Raise ``UnknownRole``, or ``Forbidden`` if ``by`` may not give the role for the whole site.

    The role stays as it is until the transaction ends.
    """
    check_holds(by, roles.allowed(role, _stored_with(tx, roles, role)))


def can_give(
    roles: Roles, by: Actor, role: str, made: Sequence[queries.StoredRoleRow], scope: str = ""
) -> bool:
    """Return whether ``by`` holds all that a role allows, as whoever gives it must.

    With ``scope``, whether the role allows anything there, and ``by`` holds it for some object.
    """
    stored = by_name(made)
    if not scope:
        return all(by.has_permission(each) for each in roles.allowed(role, stored))
    allowed = roles.allowed_within(role, scope, stored)
    return bool(allowed) and all(by.objects(each) != [] for each in allowed)


def grant(
    tx: Tx, roles: Roles, by: Actor, user_id: str, *, role: str, scope: str, object_id: str
) -> str:
    """Give a user a role for one object, and return the grant's id; once more is the same.

    Raise ``NotFound``, ``Invalid``, ``Forbidden``, ``Conflict``.
    """
    lock_user(tx, user_id)
    check_outranks(by, rights_of(roles, user_id))
    if scope not in roles.scopes:
        known = ", ".join(sorted(roles.scopes))
        problem = Text("There is no such kind of object. Choose one of: {known}.", known=known)
        raise Invalid([FieldError("scope", problem)])
    try:
        stored = _stored_with(tx, roles, role)
    except UnknownRole as unknown:
        raise Invalid([FieldError("role", unknown.args[0])]) from None
    allowed = roles.allowed_within(role, scope, stored)
    if not allowed:
        problem = Text("This role allows nothing that can be limited to one object of this kind.")
        raise Invalid([FieldError("role", problem)])
    id = roles.id_of(scope, object_id)
    if id is None:
        problem = Text("There is no object {id} of the kind {scope}.", scope=scope, id=object_id)
        raise Invalid([FieldError("object_id", problem)])
    check_holds(by, allowed, on=id)
    held = queries.grants_of(user_id).all()
    if len(held) >= queries.MOST_GRANTS:
        most = queries.MOST_GRANTS
        raise Conflict(Text("A user holds roles for at most {most} objects.", most=most))
    values = {"user": user_id, "role": role, "scope": scope, "object_id": id}
    added = {"id": new_id(), "created_by": by.user_id, "created_at": tx.now}
    insert = Grant.insert(**values, **added).on_conflict("NOTHING")
    if insert.as_rowcount().execute():
        fields = {"role": role, "scope": scope, "object": id}
        tx.audit("accounts.user.granted", user_id, person=user_id, after=fields)
    same = (Grant.user == user_id) & (Grant.role == role)
    same &= (Grant.scope == scope) & (Grant.object_id == id)
    return str(Grant.get(same).id)


def end_grant(tx: Tx, roles: Roles, by: Actor, user_id: str, grant_id: str) -> None:
    """Take a role for one object from a user. Raise ``NotFound`` or ``Forbidden``."""
    lock_user(tx, user_id)
    check_outranks(by, rights_of(roles, user_id))
    held = Grant.get_or_none(Grant.id == grant_id, Grant.user == user_id)
    if held is None or not Grant.delete().where(Grant.id == held.id).execute():
        raise NotFound(Text("This user does not hold such a role."))
    fields = {"role": held.role, "scope": held.scope, "object": held.object_id}
    tx.audit("accounts.user.grant_ended", user_id, person=user_id, before=fields)


def end_grants(tx: Tx, scope: str, object_id: str) -> None:
    """End all grants for an object, which is being deleted."""
    ended = Grant.delete().where(Grant.scope == scope, Grant.object_id == object_id).execute()
    if ended:
        tx.audit("accounts.grants.ended", object_id, before={"scope": scope, "grants": ended})


def tidy(tx: Tx, roles: Roles) -> None:
    """End grants for objects that are no more: their plugins may have forgotten to."""
    pairs: list[tuple[str, str]] = list(
        Grant.select(Grant.scope, Grant.object_id).distinct().tuples()  # type: ignore[arg-type]  # the stubs know rows of models alone
    )
    for scope, object_id in pairs:
        if scope in roles.scopes and roles.title_of(scope, object_id) is None:
            end_grants(tx, scope, object_id)


def _stored_with(tx: Tx, roles: Roles, role: str) -> Stored:
    """Return what stored roles allow, among them ``role``, which stays as it is until the end."""
    if tx.dialect == "postgresql":
        one = StoredRole.select(StoredRole.name).where(StoredRole.name == role)
        list(one.for_update("FOR SHARE"))  # type: ignore[arg-type]  # stubs know bool
    stored = by_name(queries.stored_roles().all())
    roles.check(role, stored)
    return stored


def _locked(tx: Tx, roles: Roles, name: str) -> queries.StoredRoleRow:
    """Return a role that the site made, which nobody else gives or changes until the end."""
    if tx.dialect == "postgresql":
        list(StoredRole.select(StoredRole.name).where(StoredRole.name == name).for_update())
    found = next((role for role in queries.stored_roles().all() if role.name == name), None)
    if found is not None:
        return found
    if name in roles.declared:
        raise Conflict(
            Text("This role comes with a plugin and stays as it is. Make a copy to change."),
            code="role_is_built_in",
        )
    raise NotFound(Text("There is no such role."))


def _check_registered(roles: Roles, permissions: Collection[str]) -> None:
    unknown: Sequence[str] = sorted(each for each in permissions if each not in roles.permissions)
    if unknown:
        names = ", ".join(unknown)
        problem = Text("No plugin has these permissions: {names}.", names=names)
        raise Invalid([FieldError("permissions", problem)])


def _role_exists(name: str) -> Conflict:
    return Conflict(Text("There is a role {name} already.", name=name), code="role_exists")
