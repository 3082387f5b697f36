"""What accounts store about people, and how it is exported and erased."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from changemaker_core import PersonalData, PersonalEntry, Text, delete_rows, export_rows
from changemaker_core.features.accounts.joining.models import Link
from changemaker_core.features.accounts.keys.models import ApiKey
from changemaker_core.features.accounts.roles.models import Grant
from changemaker_core.features.accounts.sessions.devices import describe
from changemaker_core.features.accounts.sessions.models import UserSession
from changemaker_core.features.accounts.signing_in.models import LoginDelay
from changemaker_core.features.accounts.signing_in.services import waits_of
from changemaker_core.features.accounts.users import management
from changemaker_core.features.accounts.users.models import User

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    import peewee

    from changemaker_core import Person, Tx


def _users(person: Person) -> Any:
    return User.id.in_(person.user_ids)


def _erase_user(tx: Tx, person: Person) -> int:
    """Delete an account; what depends on it goes with it. Raise ``Conflict`` where it has become
    the last administrator's since the erasure began."""
    management.keep_an_administrator(tx, person.user_ids)
    return delete_rows(User, _users(person))


def _links(person: Person) -> Any:
    return Link.email.in_(person.emails) | Link.user.in_(person.user_ids)


def _of_user(
    name: str,
    label: str,
    user: peewee.ForeignKeyField,
    columns: tuple[peewee.Field[Any], ...] = (),
    secret: tuple[peewee.Field[Any], ...] = (),
    entry: Callable[[Mapping[str, Any]], PersonalEntry] | None = None,
) -> PersonalData:
    """Return the declaration of a table whose rows belong to a user."""
    mine: Callable[[Person], Any] = lambda person: user.in_(person.user_ids)  # noqa: E731
    return PersonalData(
        name,
        label,
        columns,
        export=lambda person: export_rows(user.model, mine(person), without=secret),
        erase=lambda _tx, person: delete_rows(user.model, mine(person)),
        entry=entry,
    )


#: The users come first, since they are erased last: others are found by them.
PERSONAL_DATA: Final = (
    PersonalData(
        "accounts.users",
        Text("Accounts"),
        (User.email, User.name, User.phone),
        export=lambda person: export_rows(User, _users(person), without=(User.password_hash,)),
        erase=_erase_user,
        keeps=Text(
            "What the person made for the organisation stays, with the number of an account that"
            " is gone."
        ),
        obstacle=lambda person: management.last_administrator(person.user_ids),
        entry=lambda row: PersonalEntry(
            row["name"] or row["email"], row["created_at"], path=f"/admin/team/{row['id']}"
        ),
    ),
    _of_user(
        "accounts.sessions",
        Text("Sessions"),
        UserSession.user,
        (UserSession.address, UserSession.user_agent),
        (UserSession.token_hash,),
        entry=lambda row: PersonalEntry(describe(row["user_agent"]), row["created_at"]),
    ),
    _of_user(
        "accounts.keys", Text("API keys"), ApiKey.user, (ApiKey.name,), secret=(ApiKey.key_hash,)
    ),
    _of_user("accounts.grants", Text("Roles for single objects"), Grant.user),
    PersonalData(
        "accounts.links",
        Text("Links that were sent by mail"),
        (Link.email,),
        export=lambda person: export_rows(Link, _links(person)),
        erase=lambda _tx, person: delete_rows(Link, _links(person)),
    ),
    PersonalData(
        "accounts.waits",
        Text("Waits after wrong passwords"),
        (),
        export=lambda person: export_rows(
            LoginDelay, waits_of(*person.emails), without=(LoginDelay.key, LoginDelay.account)
        ),
        erase=lambda _tx, person: delete_rows(LoginDelay, waits_of(*person.emails)),
    ),
)
