"""Running the checks of core and plugins, for ``changemaker doctor`` and for pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import Finding
from changemaker_core.plugin.errors import exception_line

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterator, Sequence

    from changemaker_core import Check, Contribution, Site


def run_checks(
    checks: Sequence[Contribution[Check]],
    site: Site,
    *,
    is_uncertain: Callable[[Collection[str]], bool] = lambda keys: False,
) -> Iterator[tuple[str, Finding]]:
    """Yield each finding with the name of its check.

    A check runs only where those that it requires found no error, and the keys of the configuration
    that it is about are certain: otherwise it would report what follows from an error that is
    reported already. Blocks, for seconds where another server does not respond.
    """
    in_error: set[str] = set()
    for contribution in _required_first(checks):
        check: Check = contribution.item
        sound = in_error.isdisjoint(check.requires) and not is_uncertain(check.keys)
        findings = _run(contribution, site) if sound else None
        if findings is None or any(finding.status == "error" for finding in findings):
            in_error.add(check.name)
        yield from ((check.name, finding) for finding in findings or ())


def _required_first(checks: Sequence[Contribution[Check]]) -> list[Contribution[Check]]:
    """Return the checks in their order, each after those that it requires."""
    by_name = {contribution.item.name: contribution for contribution in checks}
    ordered: dict[str, Contribution[Check]] = {}

    def place(contribution: Contribution[Check], waiting: frozenset[str] = frozenset()) -> None:
        name = contribution.item.name
        if name in ordered or name in waiting:
            return
        for required in contribution.item.requires:
            if required in by_name:
                place(by_name[required], waiting | {name})
        ordered[name] = contribution

    for contribution in checks:
        place(contribution)
    return list(ordered.values())


def _run(contributed: Contribution[Check], site: Site) -> list[Finding]:
    """Run one check. If it fails, that is its finding, so that the other checks still run."""
    try:
        findings = list(contributed.item.run(site))
        if wrong := next((each for each in findings if not isinstance(each, Finding)), None):
            raise TypeError(f"{wrong!r} is not a Finding")
    except Exception as error:
        detail = f"This check of {contributed.plugin} failed: {exception_line(error)}."
        return [
            Finding("error", detail, "Fix the cause, or report the error to the plugin's authors.")
        ]
    return findings
