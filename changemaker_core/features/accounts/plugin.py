"""The manifest of accounts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from changemaker_core import Authenticator, Interval, Job, Plugin, Route, hookimpl
from changemaker_core.features.accounts.api import sign_in_address
from changemaker_core.features.accounts.browser import pages
from changemaker_core.features.accounts.browser.models import BrowserSession, FlashRow
from changemaker_core.features.accounts.browser.sessions import SESSIONS_PATH, sessions_of
from changemaker_core.features.accounts.config import AccountsConfig
from changemaker_core.features.accounts.roles.roles import PERMISSIONS, ROLES, roles_of
from changemaker_core.features.accounts.signing_in.models import LoginDelay
from changemaker_core.features.accounts.tidying import tidy
from changemaker_core.features.accounts.tokens import resources
from changemaker_core.features.accounts.tokens.models import RefreshToken
from changemaker_core.features.accounts.tokens.sessions import Sessions
from changemaker_core.features.accounts.users.models import User
from changemaker_core.http.sessions import cookie

if TYPE_CHECKING:
    from changemaker_core import Site


class AccountsPlugin(Plugin):
    """Users, roles and sign-in."""

    name = "accounts"
    config = AccountsConfig
    contributes = (
        User,
        RefreshToken,
        LoginDelay,
        BrowserSession,
        FlashRow,
        *PERMISSIONS,
        *ROLES,
        Job("accounts.tidy", tidy, schedule=Interval(timedelta(days=1))),
    )

    @hookimpl
    def cm_register_routes(self, site: Site) -> list[Route]:
        sessions = _sessions(site)
        return [
            Route("/api/auth/login", resources.LoginResource(sessions)),
            Route("/api/auth/refresh", resources.RefreshResource(sessions)),
            Route("/api/auth/logout", resources.LogoutResource(sessions)),
            Route("/api/auth/me", resources.MeResource(site, sessions)),
            Route("/sign-in", pages.SignInPage()),
            Route("/sign-out", pages.SignOutPage()),
            Route("/account/password", pages.PasswordPage(site)),
            Route(SESSIONS_PATH, pages.SessionsPage(site, sessions_of(site))),
            Route(f"{SESSIONS_PATH}/end-others", pages.EndOtherSessionsPage(site)),
            Route(f"{SESSIONS_PATH}/{{id}}/end", pages.EndSessionPage(site)),
        ]

    @hookimpl
    def cm_register_authenticators(self, site: Site) -> list[Authenticator]:
        return [
            Authenticator(
                "accounts.access_token",
                _sessions(site).find,
                headers=("Authorization",),
                challenge='Bearer realm="changemaker"',
            ),
            # After the headers: they are sent on purpose, a cookie by itself.
            Authenticator(
                "accounts.session",
                sessions_of(site).find,
                order=200,
                cookies=cookie.NAMES,
                sign_in=lambda path: sign_in_address(site, path),
            ),
        ]


def _sessions(site: Site) -> Sessions:
    return Sessions(site, roles_of(site))
