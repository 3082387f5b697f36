"""``/admin/queues/{slug}``: one queue, why it is held and by whom; it is held, released, tried."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec import Meta

from changemaker_core import (
    Conflict,
    Form,
    NotFound,
    Redirect,
    Route,
    SingleLine,
    TemplateResponse,
    Text,
    Unauthorized,
    endpoint,
    flash,
)
from changemaker_core.features.audit import api as audit
from changemaker_core.features.operations import api as operations

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from changemaker_core import Request, Response, Site, Tx
    from changemaker_core.features.operations.api import Hold

READ: Final = "operations.jobs.read"
#: What a queue has in it, in words; another one has its name.
NAMES: Final[Mapping[str, Text]] = {
    "mail": Text("Mail"),
    "webhooks": Text("Webhooks"),
    "events": Text("Events"),
    "default": Text("Other jobs"),
    "core": Text("The site's own jobs"),
}


class NoFields(msgspec.Struct, frozen=True):
    """A button."""


class HoldForm(msgspec.Struct, frozen=True, kw_only=True):
    """Why a queue is held, for others to read."""

    note: Annotated[SingleLine, Meta(max_length=operations.LONGEST_NOTE)] = ""


class QueuePage:
    """``/admin/queues/{slug}``"""

    @endpoint(permission=READ)
    async def on_get(self, req: Request, resp: Response, *, slug: str) -> TemplateResponse:
        """Show whether a queue is held, why and by whom, and what waits in it."""
        return TemplateResponse("admin/queues/queue.html", await _context(req.site, slug))


class HoldPage:
    """``/admin/queues/{slug}/hold``"""

    @endpoint(permission=operations.MANAGE)
    async def on_get(self, req: Request, resp: Response, *, slug: str) -> TemplateResponse:
        """Say what holding a queue does."""
        return await _ask(req, slug, "hold", Form.blank())

    @endpoint(permission=operations.MANAGE, form=HoldForm)
    async def on_post(
        self, req: Request, resp: Response, *, slug: str, form: Form[HoldForm]
    ) -> TemplateResponse | Redirect:
        """Hold a queue."""
        if form.value is None:
            return await _ask(req, slug, "hold", form)
        site, note = req.site, form.value.note
        done = Text("The queue is held. Nothing in it runs until it is released.")
        return await _decide(req, slug, lambda tx: operations.hold(tx, site, slug, note), done)


class ReleasePage:
    """``/admin/queues/{slug}/release``"""

    @endpoint(permission=operations.MANAGE)
    async def on_get(self, req: Request, resp: Response, *, slug: str) -> TemplateResponse:
        """Say what runs once a queue is released."""
        return await _ask(req, slug, "release", Form.blank())

    @endpoint(permission=operations.MANAGE, form=NoFields, recent_sign_in=True)
    async def on_post(
        self, req: Request, resp: Response, *, slug: str, form: Form[NoFields]
    ) -> Redirect:
        """Release a held queue."""
        site = req.site
        done = Text("The queue is released. What waited in it runs now.")
        return await _decide(req, slug, lambda tx: operations.release(tx, site, slug), done)


class TryPage:
    """``/admin/queues/{slug}/try``"""

    @endpoint(permission=operations.MANAGE, form=NoFields)
    async def on_post(
        self, req: Request, resp: Response, *, slug: str, form: Form[NoFields]
    ) -> Redirect:
        """Try one job of a queue that is held because of a server."""
        done = Text("One is tried now. If the server takes it, the queue is released by itself.")
        return await _decide(req, slug, lambda tx: operations.try_one(tx, slug), done)


ROUTES: Final = (
    Route("/admin/queues/{slug}", QueuePage()),
    Route("/admin/queues/{slug}/hold", HoldPage()),
    Route("/admin/queues/{slug}/release", ReleasePage()),
    Route("/admin/queues/{slug}/try", TryPage()),
)


async def _context(site: Site, queue: str) -> dict[str, Any]:
    """Return the state of a queue. Raise ``NotFound`` for one that there is not."""
    jobs = filter(None, map(site.job, site.job_names()))
    waiting = await site.db.all(operations.waiting_jobs(queue=queue))
    hold = await operations.hold_of(site, queue)
    if not waiting and hold is None and not any(job.queue == queue for job in jobs):
        raise NotFound
    return {
        "queue": queue,
        "name": NAMES.get(queue, queue),
        "hold": hold,
        "reasons": operations.REASONS,
        "by": await _holder(site, hold),
        "waiting": waiting,
        "total": sum(each.jobs for each in waiting),
        "failed": await _failed(site, queue),
    }


async def _failed(site: Site, queue: str) -> int:
    """Return how many jobs of a queue have failed, and are not deleted yet."""
    depths = await site.db.all(operations.queue_depths())
    return sum(each.jobs for each in depths if (each.queue, each.state) == (queue, "dead"))


async def _holder(site: Site, hold: Hold | None) -> str | None:
    """Return the name of who holds a queue; ``None`` where the site does, or the command line."""
    if hold is None or hold.reason != "operator":
        return None
    held = audit.entries(action="operations.queue.held", object=hold.queue, limit=1)
    entries = await audit.with_values(site, await site.db.all(held))
    return entries[0].actor.name if entries and entries[0].actor.kind != "system" else None


async def _ask(req: Request, queue: str, what: str, form: Form[Any]) -> TemplateResponse:
    context = {**await _context(req.site, queue), "form": form}
    status = 422 if form.errors else 200
    return TemplateResponse(f"admin/queues/{what}.html", context, status=status)


async def _decide(req: Request, queue: str, decide: Callable[[Tx], object], done: Text) -> Redirect:
    """Do what a person has decided, and go back to the queue with what came of it."""
    if req.session is None:
        raise Unauthorized(Text("Sign in with your browser to see this page."))

    def write(tx: Tx) -> None:
        decide(tx)
        flash(tx, req, done)

    try:
        await req.site.db.write(write)
    except Conflict as conflict:
        detail = conflict.detail
        problem = detail if isinstance(detail, Text) else Text(detail or conflict.title)
        await req.site.db.write(lambda tx: flash(tx, req, problem, kind="error"))
    return Redirect(f"/admin/queues/{queue}")
