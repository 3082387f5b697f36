"""Who changed something last."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core.features.audit import api as audit

if TYPE_CHECKING:
    from changemaker_core import Site


async def last_editor(site: Site, action: str, object_id: str) -> str | None:
    """Return the name of who has done ``action`` to an object last, as far as the log has it."""
    rows = await site.db.all(audit.entries(action=action, object=object_id, limit=1))
    return (await audit.with_values(site, rows))[0].actor.name if rows else None
