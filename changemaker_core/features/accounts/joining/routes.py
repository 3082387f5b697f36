"""The addresses, jobs and mails of joining."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from changemaker_core import Job, Route
from changemaker_core.features.accounts.joining import jobs, pages, resources
from changemaker_core.features.accounts.joining.links import SEND
from changemaker_core.features.accounts.joining.mails import TEMPLATES
from changemaker_core.features.accounts.joining.models import Link
from changemaker_core.features.accounts.joining.services import NOTICE, RESPOND

if TYPE_CHECKING:
    from changemaker_core import Site
    from changemaker_core.features.accounts.tokens.sessions import Sessions

CONTRIBUTES: Final = (
    Link,
    *TEMPLATES,
    Job(RESPOND, jobs.respond, cancellable=False),
    Job(SEND, jobs.send_link, queue="mail", cancellable=False),
    Job(NOTICE, jobs.send_notice, queue="mail", cancellable=False),
)


def routes(site: Site, sessions: Sessions) -> list[Route]:
    """Return the routes of joining."""
    return [
        Route("/api/auth/register", resources.RegisterResource()),
        Route("/api/auth/join", resources.JoinResource()),
        Route("/api/auth/forgot-password", resources.ForgotPasswordResource()),
        Route("/api/auth/reset-password", resources.ResetPasswordResource()),
        Route("/api/auth/magic-link", resources.MagicLinkResource()),
        Route("/api/auth/magic-link/sign-in", resources.MagicLinkSignInResource(sessions)),
        Route("/api/auth/email", resources.EmailResource()),
        Route("/api/auth/verify-email", resources.VerifyEmailResource()),
        Route("/register", pages.RegisterPage()),
        Route("/join/{token}", pages.JoinPage()),
        Route("/forgot-password", pages.ForgotPasswordPage()),
        Route("/reset-password/{token}", pages.ResetPasswordPage()),
        Route("/sign-in-link", pages.MagicLinkPage()),
        Route("/sign-in-link/{token}", pages.MagicLinkSignInPage()),
        Route("/account/email", pages.EmailPage(site)),
        Route("/verify-email/{token}", pages.VerifyEmailPage()),
    ]
