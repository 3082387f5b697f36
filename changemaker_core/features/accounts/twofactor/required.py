"""Roles that need two-factor sign-in: their holders are led to turn it on."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from changemaker_core import Forbidden, Text

if TYPE_CHECKING:
    from changemaker_core.features.accounts.roles.rights import Rights

TWO_FACTOR_PATH: Final = "/account/two-factor"


class TwoFactorRequired(Forbidden):
    """The permission is held by a role that needs two-factor sign-in."""

    remedy = TWO_FACTOR_PATH


def held_back(rights: Rights) -> TwoFactorRequired | None:
    """Return why a user does not have all of their permissions; ``None`` where they do."""
    if rights.basic is None:
        return None
    detail = Text("Your role needs two-factor sign-in. Turn it on to go on.")
    return TwoFactorRequired(detail, code="two_factor_required")
