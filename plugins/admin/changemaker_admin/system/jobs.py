"""``/admin/jobs``: the list of jobs, and one job with what became of it."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING

from changemaker_admin.lists.declarations import Choice, Column, Empty, Link
from changemaker_admin.lists.screen import ListScreen
from changemaker_admin.system.schemas import NoFields
from changemaker_admin.system.states import JOB_STATES
from changemaker_core import (
    Form,
    InvalidId,
    NotFound,
    Redirect,
    TemplateResponse,
    Text,
    endpoint,
    flash,
)
from changemaker_core.features.operations import api

if TYPE_CHECKING:
    from collections.abc import Mapping

    from changemaker_core import Request, Response, Tx
    from changemaker_core.features.operations.api import JobDetail

PATH = "/admin/jobs"
#: The states from which a job is run again.
_REPEATABLE = ("dead", "unknown", "cancelled")


async def _queues(req: Request) -> Mapping[str, str]:
    return {name: name for name in api.queue_names(req.site)}


JOBS = ListScreen(
    path=PATH,
    title=Text("Jobs"),
    permission=api.JOBS_READ,
    group="system",
    icon="history",
    order=120,
    query=api.jobs_of,
    sort="-id",
    columns=(
        Column("name", Text("Job"), link="/admin/jobs/{id}"),
        Column("state", Text("State"), "status", badges=JOB_STATES),
        Column("queue", Text("Queue"), link="/admin/queues/{queue}"),
        Column("wanted_at", Text("To start"), "datetime"),
        Column("attempts", Text("Tries"), "number"),
    ),
    filters=(
        Choice("state", Text("State"), {name: each.text for name, each in JOB_STATES.items()}),
        Choice("queue", Text("Queue"), _queues),
    ),
    links=(Link(Text("Queues"), "/admin/queues"),),
    empty=Empty(
        Text("No jobs"),
        Text("What the site does outside of requests, such as sending mail, is listed here."),
    ),
)


class JobPage:
    """``/admin/jobs/{id}``"""

    @endpoint(permission=api.JOBS_READ)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> TemplateResponse:
        """One job: its state, its tries, its error, and what it was to do."""
        detail = await _job(req, id)
        is_managed = req.actor is not None and req.actor.has_permission(api.JOBS_MANAGE)
        payload = await req.site.db.read(api.payload_of, id) if is_managed else None
        context = {
            "job": detail,
            "badge": JOB_STATES[detail.state],
            "payload": json.dumps(payload, indent=2, ensure_ascii=False) if payload else "",
            "is_managed": is_managed,
            "is_repeatable": detail.state in _REPEATABLE,
        }
        return TemplateResponse("admin/system/job.html", context)


class CancelPage:
    """``/admin/jobs/{id}/cancel``"""

    @endpoint(permission=api.JOBS_MANAGE, form=NoFields)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[NoFields]
    ) -> Redirect:
        """Ask for a job to be cancelled."""
        await _job(req, id)

        def cancel(tx: Tx) -> None:
            detail = api.cancel_job(tx, id)
            if detail is None or detail.finished_at is not None:
                flash(tx, req, Text("This job had ended already."), kind="warning")
            else:
                text = Text(
                    "The job is being cancelled. One that runs ends when it looks for that."
                )
                flash(tx, req, text)

        await req.site.db.write(cancel)
        return Redirect(f"{PATH}/{id}")


class RetryPage:
    """``/admin/jobs/{id}/retry``"""

    @endpoint(permission=api.JOBS_MANAGE, form=NoFields)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[NoFields]
    ) -> Redirect:
        """Run a job again that ended without success."""
        await _job(req, id)

        def retry(tx: Tx) -> None:
            if api.retry_job(tx, id):
                flash(tx, req, Text("The job runs again."))
            else:
                flash(tx, req, Text("This job runs already, or is done."), kind="warning")

        await req.site.db.write(retry)
        return Redirect(f"{PATH}/{id}")


async def _job(req: Request, id: str) -> JobDetail:
    try:
        detail = await req.site.db.read(api.job_detail, id)
    except InvalidId:
        detail = None
    if detail is None:
        raise NotFound(Text("There is no such job. Finished ones are deleted after some days."))
    return detail
