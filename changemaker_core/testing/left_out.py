"""Suites that cannot run here are left out and announced, instead of being skipped one by one."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from collections.abc import Callable


class LeftOut:
    """The suites that this run leaves out, with reasons."""

    KEY: pytest.StashKey[LeftOut] = pytest.StashKey()

    def __init__(self, forbidden: bool) -> None:
        self._forbidden = forbidden
        self._reasons: dict[str, str] = {}
        self._tolerated: set[str] = set()

    def suite(self, name: str, reason: str, *, tolerated: bool = False) -> None:
        """Leave out the suite ``name``; where nothing may be left out, the run fails at its end.

        ``tolerated``: it does not fail, because what is absent cannot be installed, such as a
        feature of the kernel.
        """
        self._reasons[name] = reason
        if tolerated:
            self._tolerated.add(name)

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Collect the reasons of the processes in which pytest-xdist runs tests side by side."""
        reasons, tolerated = getattr(node, "workeroutput", {}).get("changemaker_left_out", ({}, []))
        self._reasons.update(reasons)
        self._tolerated.update(tolerated)

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Report to the first process, or fail in it where nothing may be left out."""
        report: dict[str, object] | None = getattr(session.config, "workeroutput", None)
        if report is not None:
            report["changemaker_left_out"] = (self._reasons, sorted(self._tolerated))
        elif self._forbidden and self._reasons.keys() - self._tolerated:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """List them at the end."""
        for name, reason in self._reasons.items():
            forbidden = self._forbidden and name not in self._tolerated
            line = f"left out: the {name} suite ({reason})"
            terminalreporter.write_line(line, red=forbidden, yellow=not forbidden)


def leave_out(
    config: pytest.Config,
    items: list[pytest.Item],
    marker: str,
    why_absent: Callable[[], str | None],
    *,
    tolerated: bool = False,
) -> None:
    """Leave out the tests marked ``marker`` where ``why_absent()`` gives a reason.

    It is called only where there are such tests.
    """
    marked = [item for item in items if item.get_closest_marker(marker)]
    reason = why_absent() if marked else None
    if reason is not None:
        config.stash[LeftOut.KEY].suite(marker, reason, tolerated=tolerated)
        config.hook.pytest_deselected(items=marked)
        items[:] = [item for item in items if item not in marked]
