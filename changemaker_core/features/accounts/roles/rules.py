"""Who may change whom: nobody gives what they do not hold, or manages those who hold more."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import Forbidden, Text

if TYPE_CHECKING:
    from collections.abc import Iterable

    from changemaker_core import Actor
    from changemaker_core.features.accounts.roles.rights import Rights

_SHOWN = 5


def check_holds(by: Actor, permissions: Iterable[str], on: str | None = None) -> None:
    """Raise ``Forbidden`` unless ``by`` holds all ``permissions``, at least for the object ``on``.

    It is required of whoever gives them to somebody, or takes them away.
    """
    lacking = sorted(each for each in permissions if not by.has_permission(each, on=on))
    if lacking:
        names = ", ".join(lacking[:_SHOWN]) + ("…" if len(lacking) > _SHOWN else "")
        raise Forbidden(
            Text("You cannot give or take away what you do not hold: {names}.", names=names),
            code="exceeds_own_permissions",
        )


def check_outranks(by: Actor, rights: Rights) -> None:
    """Raise ``Forbidden`` if the user holds a permission that ``by`` lacks."""
    pairs = [(each, None) for each in rights.permissions] + list(rights.scoped)
    if not all(by.has_permission(permission, on=object_id) for permission, object_id in pairs):
        raise Forbidden(
            Text("This user may do things that you may not, so you cannot change their account."),
            code="exceeds_own_permissions",
        )
