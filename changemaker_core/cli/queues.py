"""``changemaker queues``: lists, holds and releases queues of jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from changemaker_core.cli.common import pass_site, say
from changemaker_core.server.errors import CommandError
from changemaker_core.text import did_you_mean

if TYPE_CHECKING:
    from datetime import datetime

    from changemaker_core.jobs import Hold, QueueDepth, WaitingJobs
    from changemaker_core.site import Site


@click.group()
def queues() -> None:
    """List, hold and release queues of jobs.

    The jobs of a held queue run on no machine until it is released. Other queues continue.
    """


@queues.command("list")
@pass_site
@click.option("--json", "as_json", is_flag=True, help="Print an object.")
def list_queues(site: Site, as_json: bool) -> None:
    """Count the jobs of each queue by state, and show which queues are held."""
    from changemaker_core.jobs import holds, queue_depths

    depths, held = site.db.sync.all(queue_depths()), site.db.sync.all(holds())
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode({"data": depths, "held": held})))
    else:
        click.echo("\n".join(_table(depths, held)) or "There are no jobs, and no queue is held.")


def _table(depths: list[QueueDepth], held: list[Hold]) -> list[str]:
    counts = [
        f"{depth.queue:12} {depth.state:8} {depth.jobs:8}  since {_format_time(depth.oldest)}"
        for depth in depths
    ]
    return [*counts, *map(_describe, held)]


def _describe(hold: Hold) -> str:
    from changemaker_core.jobs import REASONS

    text = f"{hold.queue:12} HELD since {_format_time(hold.since)}: {REASONS[hold.reason]}"
    if hold.note:
        text += f" {hold.note}"
    if hold.retry_at is not None:
        text += f" (a job is tried at {_format_time(hold.retry_at)}, and releases it by a success)"
    return text


@queues.command()
@pass_site
@click.argument("queue")
@click.option("--note", default="", help="The reason, shown with the queue.")
def hold(site: Site, queue: str, note: str) -> None:
    """Start no more jobs of QUEUE. Jobs that are past their point of no return finish."""
    from changemaker_core.jobs import hold_queue

    _check_known(site, queue)
    changed = site.db.sync.write(hold_queue, queue, "operator", note)
    say(f"{queue} is held." if changed else f"{queue} was held already.")


@queues.command()
@pass_site
@click.argument("queue")
@click.option("--yes", is_flag=True, help="Do not ask.")
def release(site: Site, queue: str, yes: bool) -> None:
    """Show the jobs that are waiting in QUEUE, and run them after confirmation."""
    from changemaker_core.jobs import holds, waiting_jobs

    held = sorted(hold.queue for hold in site.db.sync.all(holds()))
    if queue not in held:
        hint = f"These are: {', '.join(held)}." if held else "No queue is."
        raise CommandError(f"{queue} is not held. {hint}")
    say(_summary(queue, site.db.sync.all(waiting_jobs(queue=queue))))
    if not yes:
        click.confirm("Release it?", abort=True, err=True)
    site.db.sync.write(site.jobs.guard.release, queue)
    say(f"{queue} has been released.")


def _check_known(site: Site, queue: str) -> None:
    """Raise ``CommandError`` for an unknown queue: holding it would have no effect."""
    from changemaker_core.jobs import known_queues

    known = known_queues(site, site.job_names())
    if queue not in known:
        hint = did_you_mean(queue, known)
        raise CommandError(f"No queue is called {queue!r}.{hint} The site has {', '.join(known)}.")


def _summary(queue: str, waiting: list[WaitingJobs]) -> str:
    total = sum(each.jobs for each in waiting)
    lines = [f"Waiting jobs in {queue} that will run: {total}"]
    lines += [f"  {each.jobs:8} {each.name}, since {_format_time(each.oldest)}" for each in waiting]
    return "\n".join(lines)


def _format_time(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
