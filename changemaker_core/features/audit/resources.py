"""The audit log over HTTP."""

from __future__ import annotations

import json
from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

from changemaker_core import (
    Cursors,
    FieldError,
    Invalid,
    Paginated,
    Route,
    Streamed,
    Text,
    csv_stream,
    endpoint,
    paginate,
    xlsx_stream,
)
from changemaker_core.features.accounts.api import account_by_email
from changemaker_core.features.audit import queries
from changemaker_core.features.audit.reading import all_entries, with_values
from changemaker_core.features.audit.schemas import AuditQuery, EntryOut, ExportQuery, Filters
from changemaker_core.mail import canonical_email

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_core import Request, Response, Site
    from changemaker_core.features.audit.schemas import FieldChange

READ: Final = "audit.read"
PATH: Final = "/api/audit-log"


def routes(site: Site) -> list[Route]:
    """Return the addresses of the audit log."""
    return [
        Route(PATH, AuditLogResource(site)),
        Route(f"{PATH}/export", ExportResource(site)),
    ]


class AuditLogResource:
    """``/api/audit-log``"""

    def __init__(self, site: Site) -> None:
        self._site = site
        self._cursors = Cursors(site.signer("audit.entries"))

    @endpoint(permission=READ, query=AuditQuery, response=Paginated[EntryOut])
    async def on_get(
        self, req: Request, resp: Response, *, query: AuditQuery
    ) -> Paginated[EntryOut]:
        """List what was changed, by whom, when and from where, the newest first."""
        filters = await filters_of(self._site, query)
        place: dict[str, Any] = {}
        if (after := self._cursors.after(query)) is not None:
            place = {"before_at": datetime.fromisoformat(after[0]), "before_id": after[1]}
        db = self._site.db
        rows = await db.all(
            queries.entries(**filters, **place, limit=query.limit + 1, offset=query.offset)
        )
        total = await db.count(queries.entries(**filters))
        page = paginate(rows, query, total, cursor=self._cursor)
        return Paginated(await with_values(self._site, page.data), page.pagination)

    def _cursor(self, last: queries.EntryRow) -> str:
        return self._cursors.write(last.at.isoformat(), last.id)


class ExportResource:
    """``/api/audit-log/export``"""

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(permission=READ, query=ExportQuery)
    async def on_get(self, req: Request, resp: Response, *, query: ExportQuery) -> Streamed:
        """Download the log, or a part of it, as a CSV file or for Excel. This leaves an entry."""
        chosen = {"format": query.format, "since": query.since, "until": query.until}
        await self._site.db.write(lambda tx: tx.audit("audit.log.exported", after=chosen))
        rows = all_entries(self._site, **await filters_of(self._site, query))
        stream = csv_stream if query.format == "csv" else xlsx_stream
        return stream(rows, COLUMNS, download=f"audit-log.{query.format}")


async def filters_of(site: Site, query: AuditQuery | Filters) -> dict[str, Any]:
    """Return what is looked for, with an id in place of a user's email address.

    Raise ``Invalid`` for an address that no user has.
    """
    names = ("actor", "action", "object", "since", "until")
    found = {name: value for name in names if (value := getattr(query, name)) is not None}
    if "@" in found.get("actor", ""):
        account = await site.db.one(account_by_email(canonical_email(found["actor"])))
        if account is None:
            problem = Text("Nobody has an account with this address. Enter the id of a user.")
            raise Invalid([FieldError("actor", problem)])
        found["actor"] = account.id
    return found


def changes_as_text(changes: list[FieldChange]) -> str:
    """Return what was changed, for a cell or a line: ``role: "USER" → "EDITOR"; password: …``."""
    return "; ".join(map(_as_text, changes))


def _as_text(change: FieldChange) -> str:
    if change.secret:
        return f"{change.field}: (secret)"
    return f"{change.field}: {_value(change.before)} → {_value(change.after)}"


def _value(value: Any) -> str:
    return "" if value is None else json.dumps(value, ensure_ascii=False)


#: The columns of a download.
COLUMNS: Final[dict[Text, str | Callable[[Any], Any]]] = {
    Text("Time"): "at",
    Text("Action"): "action",
    Text("Object"): "object_id",
    Text("Name of the object"): "label",
    Text("Kind of actor"): "actor.kind",
    Text("Actor"): "actor.id",
    Text("Name of the actor"): "actor.name",
    Text("Network"): "client",
    Text("Request"): "request_id",
    Text("Changes"): lambda entry: changes_as_text(entry.changes),
    Text("Erased"): "erased",
    Text("Position"): "position",
    Text("Hash"): "hash",
}
