"""``changemaker influence retry|cancel|retry-failed|unsettled|settle``"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING
from uuid import UUID

import click

from changemaker_core.cli import CommandError, pass_site, say

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core import Site
    from changemaker_influence.outcomes.schemas import Outcome

#: Messages that are listed at once.
MOST = 1_000


class MessageId(click.ParamType):  # type: ignore[type-arg]  # click 8.2 takes no arguments there
    """The id of a message."""

    name = "message"

    def convert(self, value: str, param: click.Parameter | None, ctx: click.Context | None) -> str:
        """Return the id, in lower case."""
        try:
            return str(UUID(value))
        except ValueError:
            self.fail(
                f"{value!r} is not the id of a message, such as"
                " 01994d2e-7f0a-7c3b-9d51-2b8e6f0c4a17: the download of a campaign's messages and"
                " `changemaker influence unsettled` have the ids.",
                param,
                ctx,
            )


MESSAGE = MessageId()


@click.command()
@pass_site
@click.argument("message", type=MESSAGE)
def retry(site: Site, message: str) -> None:
    """Send the failed MESSAGE again, named by its id."""
    from changemaker_influence.outcomes import services

    with _problems_as_errors(f"message {message}"):
        site.db.sync.write(services.retry, message)
    say(f"{message} is sent again.")


@click.command()
@pass_site
@click.argument("message", type=MESSAGE)
def cancel(site: Site, message: str) -> None:
    """Cancel the waiting MESSAGE, named by its id: it is not sent.

    One that is being sent at this moment cannot be cancelled.
    """
    from changemaker_influence.outcomes import services

    with _problems_as_errors(f"message {message}"):
        site.db.sync.write(services.cancel, message)
    say(f"{message} is cancelled.")


@click.command("retry-failed")
@pass_site
@click.argument("campaign")
def retry_failed(site: Site, campaign: str) -> None:
    """Send all failed messages of CAMPAIGN again, named by its id or slug."""
    from changemaker_influence.campaigns.queries import id_of_slug
    from changemaker_influence.outcomes import services

    with _problems_as_errors(f"campaign {campaign}"):
        id = site.db.sync.one(id_of_slug(slug=campaign)) or _uuid(campaign)
        count = site.db.sync.write(services.retry_failed, id)
    say(f"{count} messages are sent again." if count else "No message of this campaign has failed.")


@click.command()
@pass_site
def unsettled(site: Site) -> None:
    """List messages that may have been sent, or not: the mail server stopped responding."""
    from changemaker_influence.outcomes.queries import emails_with

    found = site.db.sync.all(emails_with(status="UNKNOWN", limit=MOST))
    rows = sorted(found, key=lambda row: row.id)
    lines = [f"{row.id}  {row.created_at:%Y-%m-%d %H:%M} UTC  {row.recipient_name}" for row in rows]
    click.echo("\n".join(lines) or "The outcome of all messages is known.")


@click.command()
@pass_site
@click.argument("message", type=MESSAGE)
@click.argument("outcome", type=click.Choice(["sent", "not-sent"]))
def settle(site: Site, message: str, outcome: str) -> None:
    """Record whether a MESSAGE of unknown outcome was sent.

    The mail server's log has the id of each message that it took. One that was not sent can be
    retried.
    """
    from changemaker_influence.outcomes import services

    with _problems_as_errors(f"message {message}"):
        found: Outcome = "sent" if outcome == "sent" else "not_sent"
        site.db.sync.write(services.settle, message, found)
    say(f"{message} is settled as {outcome.replace('-', ' ')}.")


COMMANDS = (retry, cancel, retry_failed, unsettled, settle)


def _uuid(text: str) -> str:
    """Return an id. Raises ``NotFound`` for what is none."""
    from changemaker_core import NotFound

    try:
        return str(UUID(text))
    except ValueError:
        raise NotFound from None


@contextmanager
def _problems_as_errors(what: str) -> Iterator[None]:
    from changemaker_core import Conflict, NotFound, RowNotFound

    try:
        yield
    except (NotFound, RowNotFound):
        raise CommandError(f"There is no {what}.") from None
    except Conflict as conflict:
        raise CommandError(str(conflict.detail or conflict.title)) from None
