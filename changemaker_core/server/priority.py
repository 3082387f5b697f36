"""Visitors come first: processes that do jobs step back from the processor."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from pathlib import Path

log = logging.getLogger(__name__)

#: Where Linux groups what it schedules by session, a process's own niceness counts only among
#: those of its session: between sessions this file's does (sched(7), "The autogroup feature").
_SESSION = Path("/proc/self/autogroup")
#: Without privileges, ten such changes are taken in a second, of the whole machine.
_TRIES, _PAUSE_SECONDS = 10, 0.11


def step_back(niceness: int) -> None:
    """Let other processes have the processor first, the more so the higher ``niceness`` is.

    Threads inherit it: to be called before there are any that do work.
    """
    if niceness == 0:
        return
    try:
        os.nice(niceness)
    except PermissionError:  # a system-call filter; jobs matter more than their priority
        log.warning("The system denies a lower CPU priority: jobs run at that of web processes.")
    if os.getsid(0) == os.getpid():  # else the session, a terminal's perhaps, is not ours
        with contextlib.suppress(OSError):  # no Linux, or one that does not group so
            _weigh_session(niceness)


def _weigh_session(niceness: int) -> None:
    for _ in range(_TRIES):
        try:
            _SESSION.write_text(str(niceness))
        except BlockingIOError:
            time.sleep(_PAUSE_SECONDS)
        else:
            return
