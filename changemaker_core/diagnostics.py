"""What ``changemaker doctor`` runs and what it reports: ``Check`` and ``Finding``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Literal

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from changemaker_core.site import Site

#: Seconds to wait for a server to respond: doctor is run while something is down.
TIMEOUT: Final = 3.0


@dataclass(frozen=True, slots=True)
class Finding:
    """One result of a check: ``detail`` says what was found, ``fix`` what the operator can do.

    ``error`` is for what keeps the site from working; it makes ``doctor`` exit with status 1.
    """

    status: Literal["ok", "warning", "error"]
    detail: str
    fix: str = ""

    def __post_init__(self) -> None:
        if self.status not in ("ok", "warning", "error"):
            raise ValueError(f"the status {self.status!r} is not ok, warning or error")


@dataclass(frozen=True, slots=True)
class Check:
    """Something that ``changemaker doctor`` checks.

    ``name`` is unique in a site: begin it with the plugin's name and a dot. ``run(site)`` returns
    the findings, none where the check does not apply; an exception is reported as an error of this
    check alone. ``requires`` names checks that must find no error first: ``("migrations",)`` for
    one that reads tables. ``keys`` are those of core's configuration that it draws conclusions
    from: while one of them is invalid, the check is not run.
    """

    name: str
    run: Callable[[Site], Iterable[Finding]]
    requires: tuple[str, ...] = ()
    keys: tuple[str, ...] = ()
