"""What ``changemaker doctor`` checks of the audit log."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from changemaker_core import Check, Finding
from changemaker_core.features.audit import queries, sealing

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core import Site

#: Entries are sealed each minute.
LATE: Final = timedelta(minutes=10)


def checks() -> list[Check]:
    """Return the checks of this feature."""
    return [Check("audit.chain", check_chain, requires=("migrations",))]


def check_chain(site: Site) -> Iterator[Finding]:
    """Report a chain whose end was changed, and entries that nobody seals."""
    try:
        end = site.db.sync.read(sealing.signed_end, site)
    except sealing.BrokenHead as error:
        yield Finding(
            "error",
            f"The audit log cannot be trusted: {error}.",
            "`changemaker audit verify` names the first entry that does not fit.",
        )
        return
    oldest = site.db.sync.one(queries.open_entries(limit=1))
    if oldest is not None and oldest.at < site.clock() - LATE:
        yield Finding(
            "warning",
            f"Entries of the audit log wait to be sealed since {oldest.at:%Y-%m-%d %H:%M} UTC.",
            "Is `changemaker serve` or `changemaker worker` running, and the queue `audit` held?",
        )
        return
    if end.position == 0 and oldest is None:
        yield Finding("ok", "The audit log has no entry yet.")
    else:
        waiting = "" if oldest is None else "; the latest wait for the job of each minute"
        yield Finding("ok", f"The audit log has {end.position} sealed entries{waiting}.")
