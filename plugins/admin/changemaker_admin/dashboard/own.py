"""What admin itself puts on the dashboard: core's features, in numbers and in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_admin.declarations import Attention, Card, Step
from changemaker_core import Text
from changemaker_core.features.accounts.api import count_users
from changemaker_core.features.operations.api import (
    count_failed_jobs,
    count_held_queues,
    failing_checks,
)
from changemaker_core.features.settings.api import MailSettings, Organisation
from changemaker_core.features.webhooks import api as webhooks

if TYPE_CHECKING:
    from collections.abc import Sequence

    from changemaker_core import Site

_READ_USERS = "accounts.user.read"
_WRITE_USERS = "accounts.user.write"
_WRITE_SETTINGS = "settings.write"
_READ_JOBS = "operations.jobs.read"
_READ_HEALTH = "operations.health.read"


async def _team(site: Site, _objects: Sequence[str] | None) -> int:
    return await count_users(site, "ACTIVE")


async def _invited(site: Site, _objects: Sequence[str] | None) -> int:
    return await count_users(site, "INVITED")


async def _held(site: Site, _objects: Sequence[str] | None) -> int:
    return await count_held_queues(site)


async def _failed(site: Site, _objects: Sequence[str] | None) -> int:
    return await count_failed_jobs(site)


async def _unhealthy(site: Site, _objects: Sequence[str] | None) -> int:
    # Held queues have a line of their own.
    return sum(result.name != "queues" for result in await failing_checks(site))


async def _suspended(site: Site, _objects: Sequence[str] | None) -> int:
    return await site.db.count(webhooks.listed_endpoints("suspended"))


async def _without_mail(site: Site, _objects: Sequence[str] | None) -> int:
    return int(not _has_mail(site))


def _has_mail(site: Site) -> bool:
    return bool(site.settings(MailSettings).host)


async def _is_named(site: Site) -> bool:
    return site.settings(Organisation).name != Organisation().name


async def _mail_works(site: Site) -> bool:
    return _has_mail(site)


async def _has_colleagues(site: Site) -> bool:
    return await count_users(site, "ACTIVE") + await count_users(site, "INVITED") > 1


CARDS = (
    Card(
        "admin.team",
        Text("People in the team"),
        _READ_USERS,
        number=_team,
        link="/admin/team",
        order=900,
    ),
)
ATTENTION = (
    Attention(
        "admin.mail",
        Text("Mail reaches nobody yet"),
        _WRITE_SETTINGS,
        _without_mail,
        "/admin/settings/mail",
        Text("No mail server is set: what the site sends is only saved to a folder."),
        severity="danger",
        counted=False,
        order=10,
    ),
    Attention(
        "admin.health",
        Text("Checks of the site that fail"),
        _READ_HEALTH,
        _unhealthy,
        "/admin/health",
        Text("See which, and what to do about each."),
        severity="danger",
        order=20,
    ),
    Attention(
        "admin.held",
        Text("Queues on hold"),
        _READ_JOBS,
        _held,
        "/admin/queues",
        Text("Their work waits until the queue is released, or a trial succeeds."),
        order=30,
    ),
    Attention(
        "admin.failed",
        Text("Jobs that failed in the last 7 days"),
        _READ_JOBS,
        _failed,
        "/admin/jobs",
        Text("See what each was to do, and why it failed."),
        order=40,
    ),
    Attention(
        "admin.webhooks",
        Text("Webhooks that are suspended"),
        webhooks.MANAGE,
        _suspended,
        "/admin/webhooks?status=suspended",
        Text("The other program did not accept what was sent to it for days."),
        order=50,
    ),
    Attention(
        "admin.invited",
        Text("Invitations that wait for an answer"),
        _WRITE_USERS,
        _invited,
        "/admin/team",
        Text("Send one again where it was overlooked, or withdraw it."),
        severity="info",
        order=90,
    ),
)
STEPS = (
    Step(
        "admin.organisation",
        Text("Say who you are"),
        _WRITE_SETTINGS,
        _is_named,
        "/admin/settings/organisation",
        Text("The name of your organisation is on every page and in every mail."),
        order=10,
    ),
    Step(
        "admin.mail",
        Text("Make mail work"),
        _WRITE_SETTINGS,
        _mail_works,
        "/admin/settings/mail",
        Text("Enter your mail server, and send yourself a test."),
        order=20,
    ),
    Step(
        "admin.colleague",
        Text("Invite a colleague"),
        _WRITE_USERS,
        _has_colleagues,
        "/admin/team/invite",
        Text("Two people can stand in for each other."),
        order=90,
        optional=True,
    ),
)
