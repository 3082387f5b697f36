"""Jobs that delete what has expired, and close temporary accounts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from changemaker_core.features.accounts.roles import services as roles
from changemaker_core.features.accounts.roles.roles import roles_of
from changemaker_core.features.accounts.sessions.models import UserSession
from changemaker_core.features.accounts.signing_in.models import LoginDelay
from changemaker_core.features.accounts.tokens.models import RefreshToken
from changemaker_core.features.accounts.users import management

if TYPE_CHECKING:
    from changemaker_core import JobRun, Tx


def tidy(run: JobRun) -> None:
    """Delete tokens, sessions and delays that have expired, and grants for what is no more."""
    run.write(_tidy)
    run.write(roles.tidy, roles_of(run.site))


def expire(run: JobRun) -> None:
    """Close temporary accounts whose time has passed. They are refused from that moment anyway."""
    while run.write(management.expire):
        pass


def _tidy(tx: Tx) -> None:
    UserSession.delete().where(UserSession.expires_at < tx.now).execute()
    RefreshToken.delete().where(RefreshToken.expires_at < tx.now).execute()
    LoginDelay.delete().where(LoginDelay.not_before < tx.now - timedelta(days=1)).execute()
