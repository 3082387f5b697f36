"""CPU priority: processes that run jobs yield to those that serve visitors."""

from __future__ import annotations

import contextlib
import logging
import os
import time
from pathlib import Path

log = logging.getLogger(__name__)

#: Where Linux schedules by session, the niceness of a process counts only within its session; this
#: file has the one that counts between sessions (sched(7), "The autogroup feature").
_AUTOGROUP = Path("/proc/self/autogroup")
#: Without privileges, the kernel accepts ten changes a second from the whole machine.
_TRIES, _PAUSE_SECONDS = 10, 0.11


def lower_priority(niceness: int) -> None:
    """Lower the CPU priority of this process by ``niceness``, from 0 to 19.

    Call it before starting threads: they inherit it.
    """
    if niceness == 0:
        return
    try:
        os.nice(niceness)
    except OSError as error:  # a system-call filter; jobs matter more than their priority
        log.warning(
            "The system denies a lower CPU priority (%s): jobs compete with web processes.",
            error.strerror,
        )
    if os.getsid(0) == os.getpid():  # else the session belongs to another process
        with contextlib.suppress(OSError):  # not Linux, or no autogroups
            _lower_session(niceness)


def _lower_session(niceness: int) -> None:
    for _ in range(_TRIES):
        try:
            _AUTOGROUP.write_text(str(niceness))
        except BlockingIOError:
            time.sleep(_PAUSE_SECONDS)
        else:
            return
