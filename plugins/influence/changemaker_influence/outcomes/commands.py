"""``changemaker influence retry|retry-failed|unsettled|settle``"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

import click

from changemaker_core.cli import CommandError, pass_site, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core import Site

#: Messages that are listed at once.
MOST = 1_000


@click.command()
@pass_site
@click.argument("message")
def retry(site: Site, message: str) -> None:
    """Send the failed MESSAGE again, named by its id."""
    from changemaker_influence.outcomes import services

    with _problems_as_errors("message", message):
        site.db.sync.write(services.retry, message)
    say(f"{message} is sent again.")


@click.command("retry-failed")
@pass_site
@click.argument("campaign")
def retry_failed(site: Site, campaign: str) -> None:
    """Send all failed messages of CAMPAIGN again, named by its id or slug."""
    from changemaker_influence.campaigns.queries import id_of_slug
    from changemaker_influence.outcomes import services

    id = site.db.sync.one(id_of_slug(slug=campaign)) or campaign
    with _problems_as_errors("campaign", campaign):
        count = site.db.sync.write(services.retry_failed, id)
    say(f"{count} messages are sent again." if count else "No message of this campaign has failed.")


@click.command()
@pass_site
def unsettled(site: Site) -> None:
    """List messages that may have been sent, or not: the mail server stopped responding."""
    from changemaker_influence.outcomes.queries import emails_with

    rows = site.db.sync.all(emails_with(status="UNKNOWN", limit=MOST))
    lines = [f"{row.id}  {row.created_at:%Y-%m-%d %H:%M} UTC  {row.recipient_name}" for row in rows]
    click.echo("\n".join(lines) or "The outcome of all messages is known.")


@click.command()
@pass_site
@click.argument("message")
@click.argument("outcome", type=click.Choice(["sent", "not-sent"]))
def settle(site: Site, message: str, outcome: str) -> None:
    """Record whether a MESSAGE of unknown outcome was sent.

    The mail server's log has the id of each message that it took. One that was not sent can be
    retried.
    """
    from changemaker_influence.outcomes import services

    with _problems_as_errors("message", message):
        site.db.sync.write(services.settle, message, "sent" if outcome == "sent" else "not_sent")
    say(f"{message} is settled as {outcome.replace('-', ' ')}.")


COMMANDS = (retry, retry_failed, unsettled, settle)


@contextmanager
def _problems_as_errors(what: str, name: str) -> Iterator[None]:
    from changemaker_core import Conflict, NotFound

    try:
        yield
    except NotFound:
        raise CommandError(f"There is no {what} {name}.") from None
    except Conflict as conflict:
        raise CommandError(str(conflict.detail or conflict.title)) from None
