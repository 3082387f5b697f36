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

    def suite(self, name: str, reason: str) -> None:
        """Leave out the suite ``name``; where nothing may be left out, the run fails at its end."""
        self._reasons[name] = reason

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Collect the reasons of the processes in which pytest-xdist runs tests side by side."""
        self._reasons.update(getattr(node, "workeroutput", {}).get("changemaker_left_out", {}))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Report to the first process, or fail in it where nothing may be left out."""
        report: dict[str, object] | None = getattr(session.config, "workeroutput", None)
        if report is not None:
            report["changemaker_left_out"] = self._reasons
        elif self._forbidden and self._reasons:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """List them at the end."""
        for name, reason in self._reasons.items():
            line = f"left out: the {name} suite ({reason})"
            terminalreporter.write_line(line, red=self._forbidden, yellow=not self._forbidden)


def leave_out(
    config: pytest.Config,
    items: list[pytest.Item],
    marker: str,
    why_absent: Callable[[], str | None],
) -> None:
    """Leave out the tests marked ``marker`` where ``why_absent()`` gives a reason.

    It is called only where there are such tests.
    """
    marked = [item for item in items if item.get_closest_marker(marker)]
    reason = why_absent() if marked else None
    if reason is not None:
        config.stash[LeftOut.KEY].suite(marker, reason)
        config.hook.pytest_deselected(items=marked)
        items[:] = [item for item in items if item not in marked]
