"""The test kit: for this project and for authors of plugins.

Its fixtures come with ``changemaker-core[testing]`` by themselves; the names below are imported.
All else in here is private. A name is loaded when it is first used: every pytest run imports this.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from changemaker_core.testing.clock import Clock as Clock
    from changemaker_core.testing.fixtures.site import client_of as client_of
    from changemaker_core.testing.fixtures.site import migrate as migrate
    from changemaker_core.testing.fixtures.site import run_jobs as run_jobs
    from changemaker_core.testing.fixtures.site import signed_in as signed_in
    from changemaker_core.testing.mail_templates import check_mail_templates as check_mail_templates
    from changemaker_core.testing.mails import SentMail as SentMail
    from changemaker_core.testing.mails import sent_mail as sent_mail
    from changemaker_core.testing.migrations import check_migrations as check_migrations
    from changemaker_core.testing.personal_data import check_personal_data as check_personal_data
    from changemaker_core.testing.postgres import PostgresCluster as PostgresCluster
    from changemaker_core.testing.session_client import SessionClient as SessionClient
    from changemaker_core.testing.session_client import as_role as as_role
    from changemaker_core.testing.smtp import Behaviour as Behaviour
    from changemaker_core.testing.smtp import SmtpServer as SmtpServer
    from changemaker_core.testing.sources import source_problems as source_problems
    from changemaker_core.testing.webhooks import EmittedEvent as EmittedEvent
    from changemaker_core.testing.webhooks import WebhookInbox as WebhookInbox

_NAMES = {
    "Behaviour": "smtp",
    "Clock": "clock",
    "EmittedEvent": "webhooks",
    "PostgresCluster": "postgres",
    "SentMail": "mails",
    "SessionClient": "session_client",
    "SmtpServer": "smtp",
    "WebhookInbox": "webhooks",
    "as_role": "session_client",
    "check_mail_templates": "mail_templates",
    "check_migrations": "migrations",
    "check_personal_data": "personal_data",
    "client_of": "fixtures.site",
    "migrate": "fixtures.site",
    "run_jobs": "fixtures.site",
    "sent_mail": "mails",
    "signed_in": "fixtures.site",
    "source_problems": "sources",
}

__all__ = sorted(_NAMES)


def __getattr__(name: str) -> Any:
    if name not in _NAMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(f"{__name__}.{_NAMES[name]}"), name)
