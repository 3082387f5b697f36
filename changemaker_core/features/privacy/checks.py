"""What ``changemaker doctor`` checks of privacy: whether personal data can be found."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import Check, Finding
from changemaker_core.features.privacy.columns import undeclared, unknown_exemptions
from changemaker_core.features.privacy.retention import wrong_kinds
from changemaker_core.features.privacy.services import kinds_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core import Site


def checks() -> list[Check]:
    """Return the checks of this feature."""
    return [
        Check("privacy.declared", check_declared),
        Check("privacy.retention", check_retention),
    ]


def check_declared(site: Site) -> Iterator[Finding]:
    """Report columns that look as if they held personal data, and that no export finds."""
    found = list(undeclared(site))
    for each in found:
        yield Finding(
            "warning",
            f"{each} looks like personal data, and is neither exported nor erased.",
            "Its author declares it with PersonalData, or names it in Meta.not_personal.",
        )
    for each in unknown_exemptions(site):
        detail = f"Meta.not_personal of {each.model} of {each.plugin} names {each.column!r}."
        yield Finding("warning", detail, "There is no such column: correct its name.")
    if not found:
        yield Finding("ok", f"Kinds of personal data that are declared: {len(kinds_of(site))}.")


def check_retention(site: Site) -> Iterator[Finding]:
    """Report periods of retention that apply to nothing."""
    for name in wrong_kinds(site):
        yield Finding(
            "error",
            f"privacy.retention_days names {name!r}, of which no data expires.",
            "`changemaker privacy kinds` lists the kinds; one that lists no days never expires.",
        )
