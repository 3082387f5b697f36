"""Jobs that delete what has expired, and close temporary accounts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from changemaker_core.features.accounts.joining.models import Link
from changemaker_core.features.accounts.roles import services as roles
from changemaker_core.features.accounts.roles.roles import roles_of
from changemaker_core.features.accounts.sessions.models import UserSession
from changemaker_core.features.accounts.signing_in.models import LoginDelay
from changemaker_core.features.accounts.tokens.models import RefreshToken
from changemaker_core.features.accounts.users import management

if TYPE_CHECKING:
    from changemaker_core import JobRun, Tx

#: For so long after a link has expired, its page says so.
_LINKS_KEPT: Final = timedelta(days=30)


def tidy(run: JobRun) -> None:
    """Delete what has expired: tokens, sessions, links, delays; and grants for what is no more."""
    run.write(_tidy)
    run.write(roles.tidy, roles_of(run.site))


def expire(run: JobRun) -> None:
    """Close temporary accounts whose time has passed. They are refused from that moment anyway."""
    while run.write(management.expire):
        pass


def _tidy(tx: Tx) -> None:
    UserSession.delete().where(UserSession.expires_at < tx.now).execute()
    RefreshToken.delete().where(RefreshToken.expires_at < tx.now).execute()
    Link.delete().where(Link.expires_at < tx.now - _LINKS_KEPT).execute()
    LoginDelay.delete().where(LoginDelay.not_before < tx.now - timedelta(days=1)).execute()
