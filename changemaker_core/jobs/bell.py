"""Waking the executors of this process when work has come in."""

from __future__ import annotations

import threading


class Bell:
    """Rung after a commit. Whoever waits says which ring it has heard, so that none is missed."""

    def __init__(self) -> None:
        self._rung = threading.Condition()
        self._count = 0

    @property
    def rings(self) -> int:
        """How often it was rung so far."""
        return self._count

    def ring(self) -> None:
        """Wake everybody."""
        with self._rung:
            self._count += 1
            self._rung.notify_all()

    def wait(self, heard: int, seconds: float) -> None:
        """Until it has been rung more than ``heard`` times, or ``seconds`` are over."""
        with self._rung:
            self._rung.wait_for(lambda: self._count != heard, seconds)
