"""How far a long command is, on standard error."""

from __future__ import annotations

import sys
import time

import click

#: Seconds between two reports on a terminal.
_INTERVAL = 0.2
_WIDTH = 60


class Progress:
    """Reports the stages of a command: in place on a terminal, and else once each.

    ``stages`` has the words for each, by its key.
    """

    def __init__(self, stages: dict[str, str]) -> None:
        self._stages = stages
        self._is_terminal = sys.stderr.isatty()
        self._stage, self._next = "", 0.0

    def __call__(self, stage: str, done: int, total: int) -> None:
        if stage != self._stage:
            self.end()
            self._stage, self._next = stage, 0.0
            if not self._is_terminal:
                click.echo(self._stages[stage], err=True)
        if self._is_terminal and time.monotonic() >= self._next:
            self._next = time.monotonic() + _INTERVAL
            share = f" {min(100, 100 * done // total)} %" if total else ""
            click.echo(f"\r{self._stages[stage]}{share}".ljust(_WIDTH), nl=False, err=True)

    def end(self) -> None:
        """Go to the next line."""
        if self._is_terminal and self._stage:
            click.echo(err=True)
        self._stage = ""
