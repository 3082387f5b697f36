"""``/admin/audit``: one entry, and whether the log is what was recorded."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from changemaker_admin.audit.differences import lines_of
from changemaker_admin.audit.words import words_of
from changemaker_admin.team.managing import NoFields, actor_of
from changemaker_core import Form, NotFound, Redirect, TemplateResponse, Text, endpoint, flash
from changemaker_core.features.accounts import api as accounts
from changemaker_core.features.audit import api as audit

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Site, Tx

AUDIT_PATH: Final = "/admin/audit"


class EntryPage:
    """``/admin/audit/{id}``"""

    @endpoint(permission=audit.READ)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> TemplateResponse:
        """What was done, by whom, from where, and what it changed."""
        rows = await req.site.db.all(audit.entries_by_id(ids=[id]))
        if not rows:
            raise NotFound(Text("There is no such entry."))
        entry = (await audit.with_values(req.site, rows))[0]
        context: dict[str, Any] = {
            "entry": entry,
            "words": words_of(entry.action, accounts.roles_of(req.site).scopes),
            "changes": [(change, lines_of(change)) for change in entry.changes],
            "sees_people": actor_of(req).has_permission(accounts.READ_USERS),
        }
        return TemplateResponse("admin/audit/entry.html", context)


class VerifyPage:
    """``/admin/audit/verify``"""

    @endpoint(permission=audit.READ)
    async def on_get(self, req: Request, resp: Response) -> TemplateResponse:
        """Whether the log is what was recorded, as far as it is known."""
        site = req.site
        standing = await site.db.read(audit.standing_of, site)
        context = {"standing": standing, "verified": await last_verification(site)}
        return TemplateResponse("admin/audit/verify.html", context)

    @endpoint(permission=audit.READ, form=NoFields, rate_limit="10/minute")
    async def on_post(self, req: Request, resp: Response, *, form: Form[NoFields]) -> Redirect:
        """Have the whole log verified."""

        def start(tx: Tx) -> None:
            audit.start(tx)
            flash(tx, req, Text("The whole log is being verified. The outcome will be shown here."))

        await req.site.db.write(start)
        return Redirect(f"{AUDIT_PATH}/verify")


async def last_verification(site: Site) -> audit.EntryOut | None:
    """Return the entry of the last verification of the whole log, if there was one."""
    rows = await site.db.all(audit.entries(action=audit.VERIFIED, limit=1))
    return (await audit.with_values(site, rows))[0] if rows else None
