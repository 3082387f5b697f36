"""Suites that cannot run here are left out, and said to be, instead of being skipped one by one."""

from __future__ import annotations

from typing import Any

import pytest


class LeftOut:
    """What this run leaves out, and why."""

    KEY: pytest.StashKey[LeftOut] = pytest.StashKey()

    def __init__(self, forbidden: bool) -> None:
        self._forbidden = forbidden
        self._reasons: dict[str, str] = {}

    def suite(self, name: str, reason: str) -> None:
        """Leave out the suite ``name``; where nothing may be left out, the run fails at its end."""
        self._reasons[name] = reason

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Hear of it from the processes in which pytest-xdist runs tests side by side."""
        self._reasons.update(getattr(node, "workeroutput", {}).get("changemaker_left_out", {}))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Tell the first process, from one of the others; fail where nothing may be left out."""
        told: dict[str, object] | None = getattr(session.config, "workeroutput", None)
        if told is not None:
            told["changemaker_left_out"] = self._reasons
        elif self._forbidden and self._reasons:
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say it plainly, at the end."""
        for name, reason in self._reasons.items():
            line = f"left out: the {name} suite ({reason})"
            terminalreporter.write_line(line, red=self._forbidden, yellow=not self._forbidden)
