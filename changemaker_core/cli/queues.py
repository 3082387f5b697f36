"""``changemaker queues``: what waits, and whether it is held."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from changemaker_core.cli.common import opened_site, say, site_option
from changemaker_core.server.errors import CommandError
from changemaker_core.text import did_you_mean

if TYPE_CHECKING:
    from datetime import datetime

    from changemaker_core.jobs import Hold, QueueDepth, WaitingJobs
    from changemaker_core.site import Site


@click.group()
def queues() -> None:
    """List, hold and release queues of jobs.

    Nothing of a held queue is done, on any machine, until it is released. Other queues go on.
    """


@queues.command("list")
@site_option
@click.option("--json", "as_json", is_flag=True, help="Print them as JSON.")
def list_queues(as_json: bool) -> None:
    """Say how many jobs each queue holds in each state, and which queues are held."""
    from changemaker_core.jobs import holds, queue_depths

    with opened_site() as site:
        depths, held = site.db.sync.all(queue_depths()), site.db.sync.all(holds())
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode({"data": depths, "held": held})))
    else:
        click.echo("\n".join(_shown(depths, held)) or "There are no jobs, and no queue is held.")


def _shown(depths: list[QueueDepth], held: list[Hold]) -> list[str]:
    from changemaker_core.jobs import REASONS

    counts = [
        f"{depth.queue:12} {depth.state:8} {depth.jobs:8}  since {_said(depth.oldest)}"
        for depth in depths
    ]
    reasons = [
        f"{hold.queue:12} HELD since {_said(hold.since)}: {REASONS[hold.reason]} {hold.note}"
        for hold in held
    ]
    return [line.rstrip() for line in counts + reasons]


@queues.command()
@site_option
@click.argument("queue")
@click.option("--note", default="", help="Why, for whoever looks later.")
def hold(queue: str, note: str) -> None:
    """Do nothing of QUEUE from now on; what is past its point of no return is finished."""
    from changemaker_core.jobs import hold_queue

    with opened_site() as site:
        _check_known(site, queue)
        changed = site.db.sync.write(hold_queue, queue, "operator", note)
    say(f"{queue} is held." if changed else f"{queue} is held already.")


@queues.command()
@site_option
@click.argument("queue")
@click.option("--yes", is_flag=True, help="Do not ask.")
def release(queue: str, yes: bool) -> None:
    """Say what waits in QUEUE, and let it be done."""
    from changemaker_core.jobs import holds, waiting_jobs

    with opened_site() as site:
        if queue not in {hold.queue for hold in site.db.sync.all(holds())}:
            raise CommandError(f"{queue} is not held.")
        say(_counted(queue, site.db.sync.all(waiting_jobs(queue=queue))))
        if not yes:
            click.confirm("Release it?", abort=True, err=True)
        site.db.sync.write(site.jobs.guard.release, queue)
    say(f"{queue} is released.")


def _check_known(site: Site, queue: str) -> None:
    """Raise ``CommandError`` for an unknown queue: holding it would have no effect."""
    from changemaker_core.jobs import known_queues

    known = known_queues(site, site.job_names())
    if queue not in known:
        hint = did_you_mean(queue, known)
        raise CommandError(f"No queue is called {queue!r}.{hint} The site has {', '.join(known)}.")


def _counted(queue: str, waiting: list[WaitingJobs]) -> str:
    total = sum(each.jobs for each in waiting)
    lines = [f"Jobs that wait in {queue} and will be done: {total}"]
    lines += [f"  {each.jobs:8} {each.name}, since {_said(each.oldest)}" for each in waiting]
    return "\n".join(lines)


def _said(moment: datetime) -> str:
    return f"{moment:%Y-%m-%d %H:%M} UTC"
