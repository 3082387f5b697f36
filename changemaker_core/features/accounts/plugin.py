"""The manifest of accounts."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from changemaker_core import (
    Authenticator,
    Check,
    Interval,
    Job,
    Plugin,
    Route,
    SealedValues,
    hookimpl,
)
from changemaker_core.features.accounts.api import sign_in_address
from changemaker_core.features.accounts.browser import pages
from changemaker_core.features.accounts.browser.confirming import (
    CONFIRM_PATH,
    ConfirmPage,
    confirmation_of,
)
from changemaker_core.features.accounts.browser.models import FlashRow
from changemaker_core.features.accounts.browser.sessions import SESSIONS_PATH, sessions_of
from changemaker_core.features.accounts.config import AccountsConfig
from changemaker_core.features.accounts.joining import routes as joining
from changemaker_core.features.accounts.keys.authenticator import HEADER, ApiKeys
from changemaker_core.features.accounts.keys.models import ApiKey
from changemaker_core.features.accounts.keys.pages import KEYS_PATH, KeysPage, RevokeKeyPage
from changemaker_core.features.accounts.keys.resources import KeyResource, KeysResource
from changemaker_core.features.accounts.personal import PERSONAL_DATA
from changemaker_core.features.accounts.roles import resources as roles
from changemaker_core.features.accounts.roles.checks import check_roles
from changemaker_core.features.accounts.roles.models import Grant, StoredRole
from changemaker_core.features.accounts.roles.roles import PERMISSIONS, ROLES
from changemaker_core.features.accounts.sessions.models import UserSession
from changemaker_core.features.accounts.sessions.pages import (
    EndOtherSessionsPage,
    EndSessionPage,
    SessionsPage,
)
from changemaker_core.features.accounts.sessions.resources import (
    SessionResource,
    SessionsResource,
)
from changemaker_core.features.accounts.signing_in.models import LoginDelay
from changemaker_core.features.accounts.tidying import expire, tidy
from changemaker_core.features.accounts.tokens import resources
from changemaker_core.features.accounts.tokens.models import RefreshToken
from changemaker_core.features.accounts.tokens.sessions import Sessions
from changemaker_core.features.accounts.twofactor import challenge_cookie
from changemaker_core.features.accounts.twofactor import resources as totp
from changemaker_core.features.accounts.twofactor.checks import CHECKS
from changemaker_core.features.accounts.twofactor.models import RecoveryCode, TwoFactor
from changemaker_core.features.accounts.twofactor.pages import (
    CodePage,
    RecoveryCodesPage,
    TurnOffPage,
    TwoFactorPage,
)
from changemaker_core.features.accounts.twofactor.required import TWO_FACTOR_PATH
from changemaker_core.features.accounts.twofactor.services import reseal
from changemaker_core.features.accounts.users import resources as users
from changemaker_core.features.accounts.users.emails import check_emails
from changemaker_core.features.accounts.users.models import User
from changemaker_core.features.accounts.users.pages import PROFILE_PATH, ProfilePage
from changemaker_core.features.accounts.users.webhooks import USER_CREATED
from changemaker_core.http.sessions import cookie

if TYPE_CHECKING:
    from changemaker_core import Site


class AccountsPlugin(Plugin):
    """Users, roles and sign-in."""

    name = "accounts"
    config = AccountsConfig
    contributes = (
        User,
        UserSession,
        RefreshToken,
        LoginDelay,
        FlashRow,
        ApiKey,
        StoredRole,
        Grant,
        TwoFactor,
        RecoveryCode,
        SealedValues("accounts.two_factor", reseal),
        USER_CREATED,
        *PERMISSIONS,
        *ROLES,
        *joining.CONTRIBUTES,
        Job("accounts.tidy", tidy, schedule=Interval(timedelta(days=1))),
        Check("accounts.roles", check_roles, requires=("migrations",)),
        Check("accounts.emails", check_emails, requires=("migrations",)),
        *CHECKS,
        *PERSONAL_DATA,
        Job("accounts.expire", expire, schedule=Interval(timedelta(minutes=10))),
    )

    @hookimpl
    def cm_register_routes(self, site: Site) -> list[Route]:
        sessions = Sessions(site)
        return [
            Route("/api/auth/login", resources.LoginResource(sessions)),
            Route("/api/auth/login/code", resources.LoginCodeResource(sessions)),
            Route("/api/auth/refresh", resources.RefreshResource(sessions)),
            Route("/api/auth/logout", resources.LogoutResource(sessions)),
            Route("/api/auth/confirm", resources.ConfirmResource()),
            Route("/api/auth/me", resources.MeResource(site, sessions)),
            Route("/api/auth/totp", totp.TotpResource(site)),
            Route("/api/auth/totp/enable", totp.EnableResource(site)),
            Route("/api/auth/totp/verify", totp.VerifyResource(site)),
            Route("/api/auth/totp/disable", totp.DisableResource(site)),
            Route("/api/auth/totp/recovery-codes", totp.RecoveryCodesResource(site)),
            Route("/api/api-keys", KeysResource(site)),
            Route("/api/api-keys/{id}", KeyResource(site)),
            Route(KEYS_PATH, KeysPage(site)),
            Route(f"{KEYS_PATH}/{{id}}/revoke", RevokeKeyPage(site)),
            Route("/api/users", users.UsersResource(site)),
            Route("/api/users/{id}", users.UserResource(site)),
            Route("/api/users/{id}/invite", users.InviteResource(site)),
            Route("/api/users/{id}/suspend", users.SuspendResource(site)),
            Route("/api/users/{id}/reactivate", users.ReactivateResource(site)),
            Route("/api/users/{id}/unlock", users.UnlockResource(site)),
            Route("/api/users/{id}/reset-two-factor", users.ResetTwoFactorResource(site)),
            Route("/api/users/{id}/sessions", users.UserSessionsResource(site)),
            Route("/api/users/{id}/grants", users.GrantsResource(site)),
            Route("/api/users/{id}/grants/{grant}", users.GrantResource(site)),
            Route("/api/roles", roles.RolesResource(site)),
            Route("/api/roles/{name}", roles.RoleResource(site)),
            Route("/api/permissions", roles.PermissionsResource(site)),
            Route("/api/scopes", roles.ScopesResource(site)),
            *joining.routes(site, sessions),
            Route("/sign-in", pages.SignInPage()),
            Route(challenge_cookie.PATH, CodePage()),
            Route(TWO_FACTOR_PATH, TwoFactorPage(site)),
            Route(f"{TWO_FACTOR_PATH}/off", TurnOffPage(site)),
            Route(f"{TWO_FACTOR_PATH}/recovery-codes", RecoveryCodesPage(site)),
            Route("/sign-out", pages.SignOutPage()),
            Route(CONFIRM_PATH, ConfirmPage()),
            Route(PROFILE_PATH, ProfilePage(site)),
            Route("/account/password", pages.PasswordPage(site)),
            Route("/api/auth/sessions", SessionsResource(site, sessions_of(site))),
            Route("/api/auth/sessions/{id}", SessionResource(site)),
            Route(SESSIONS_PATH, SessionsPage(site, sessions_of(site))),
            Route(f"{SESSIONS_PATH}/end-others", EndOtherSessionsPage(site)),
            Route(f"{SESSIONS_PATH}/{{id}}/end", EndSessionPage(site)),
        ]

    @hookimpl
    def cm_register_authenticators(self, site: Site) -> list[Authenticator]:
        return [
            Authenticator(
                "accounts.access_token",
                Sessions(site).find,
                headers=("Authorization",),
                challenge='Bearer realm="changemaker"',
                is_sign_in=True,
            ),
            # First, and strict: a key that is not valid never leaves the request anonymous.
            Authenticator(
                "accounts.api_key",
                ApiKeys(site).find,
                order=10,
                headers=(HEADER,),
                strict=True,
            ),
            # After the headers: they are sent on purpose, a cookie by itself.
            Authenticator(
                "accounts.session",
                sessions_of(site).find,
                order=200,
                cookies=cookie.NAMES,
                sign_in=lambda path: sign_in_address(site, path),
                confirm=confirmation_of(site),
                is_sign_in=True,
            ),
        ]
