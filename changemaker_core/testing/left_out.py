"""Suites that cannot run here are left out, and said to be, instead of being skipped one by one."""

from __future__ import annotations

import pytest


class LeftOut:
    """What this run leaves out, and why."""

    KEY: pytest.StashKey[LeftOut] = pytest.StashKey()

    def __init__(self, forbidden: bool) -> None:
        self._forbidden = forbidden
        self._reasons: dict[str, str] = {}

    def suite(self, name: str, reason: str) -> None:
        """Leave out the suite ``name``; an error where nothing may be left out."""
        if self._forbidden:
            raise pytest.UsageError(f"left out: the {name} suite ({reason})")
        self._reasons[name] = reason

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say it plainly, at the end."""
        for name, reason in self._reasons.items():
            terminalreporter.write_line(f"left out: the {name} suite ({reason})", yellow=True)
