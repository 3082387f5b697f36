"""The daily job that deletes what has expired."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from changemaker_core.features.accounts.sessions.models import UserSession
from changemaker_core.features.accounts.signing_in.models import LoginDelay
from changemaker_core.features.accounts.tokens.models import RefreshToken

if TYPE_CHECKING:
    from changemaker_core import JobRun, Tx


def tidy(run: JobRun) -> None:
    """Delete tokens, sessions and delays that have expired."""
    run.write(_tidy)


def _tidy(tx: Tx) -> None:
    UserSession.delete().where(UserSession.expires_at < tx.now).execute()
    RefreshToken.delete().where(RefreshToken.expires_at < tx.now).execute()
    LoginDelay.delete().where(LoginDelay.not_before < tx.now - timedelta(days=1)).execute()
