"""``/admin/backups``: which there are, and making one now."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_admin.system.schemas import NoFields
from changemaker_core import Form, Redirect, TemplateResponse, Text, endpoint, flash
from changemaker_core.features.operations import api

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Tx

PATH = "/admin/backups"


class BackupsPage:
    """``/admin/backups``"""

    @endpoint(permission=api.BACKUPS_READ)
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """The backups in the folder that the operator has set, and how old the last one is."""
        jobs = await req.site.db.all(api.jobs(queue=api.BACKUP_QUEUE, limit=1))
        context = {
            "backups": await api.backups_of(req.site),
            "now": req.site.clock(),
            "job": jobs[0] if jobs else None,
            "may_make": req.actor is not None and req.actor.has_permission(api.BACKUPS_MAKE),
            "sees_jobs": req.actor is not None and req.actor.has_permission(api.JOBS_READ),
        }
        return TemplateResponse("admin/system/backups.html", context)

    @endpoint(permission=api.BACKUPS_MAKE, form=NoFields, rate_limit="5/minute")
    async def on_post(self, req: Request, resp: Response, *, form: Form[NoFields]) -> Redirect:
        """Have a backup made."""
        site = req.site

        def make(tx: Tx) -> None:
            api.enqueue_backup(tx, site)
            flash(tx, req, Text("The backup begins. The site goes on meanwhile."))

        await site.db.write(make)
        return Redirect(PATH)
