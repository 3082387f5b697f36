"""``changemaker jobs``: lists and cancels jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING, get_args

import click

from changemaker_core.cli.common import pass_site, say
from changemaker_core.jobs import JobState, cancel_job
from changemaker_core.jobs import jobs as find_jobs
from changemaker_core.server.errors import CommandError

if TYPE_CHECKING:
    from changemaker_core.jobs import JobView
    from changemaker_core.site import Site


@click.group()
def jobs() -> None:
    """List and cancel jobs."""


@jobs.command("list")
@pass_site
@click.option("--queue", help="Only jobs of this queue.")
@click.option("--state", type=click.Choice(get_args(JobState)), help="Only jobs in this state.")
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True)
@click.option("--json", "as_json", is_flag=True, help="Print an object.")
def list_jobs(site: Site, queue: str | None, state: str | None, limit: int, as_json: bool) -> None:
    """List jobs that wait, run, or ended in the last days, newest first."""
    found = site.db.sync.all(find_jobs(queue=queue, state=state, limit=limit))
    if as_json:
        import msgspec

        click.echo(msgspec.json.format(msgspec.json.encode({"data": found})))
    else:
        click.echo("\n".join(map(_line, found)) or "There are no such jobs.")


@jobs.command()
@pass_site
@click.argument("job_id")
def cancel(site: Site, job_id: str) -> None:
    """Cancel the job JOB_ID, as `changemaker jobs list` shows it.

    A job that waits does not run. One that is running ends when it next looks for that.
    """
    from changemaker_core.db import InvalidId

    try:
        job = site.db.sync.write(cancel_job, job_id)
    except InvalidId:
        job = None
    if job is None:
        raise CommandError(f"There is no job {job_id!r}. `changemaker jobs list` shows them.")
    if job.finished_at is not None:
        raise CommandError(f"{job.name} has already finished: it is {job.state}.")
    declared = site.job(job.name)
    if declared is not None and not declared.cancellable:
        raise CommandError(f"{job.name} cannot be cancelled: it protects an account.")
    say(f"{job.name} is being cancelled.")


def _line(job: JobView) -> str:
    since = f"{job.wanted_at:%Y-%m-%d %H:%M} UTC"
    done = "" if job.progress_done is None else f"  {job.progress_done}/{job.progress_total or '?'}"
    line = f"{job.id}  {job.state:9} {job.queue:10} {job.name}  {since}{done}  {job.error or ''}"
    return line.rstrip()
