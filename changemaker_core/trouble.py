"""Faults that last: logged when they begin and when they are over, however many meet them."""

from __future__ import annotations

import re
import threading
import time
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import logging

#: Seconds after which a fault that still lasts is logged again.
REMIND: Final = 600.0
#: Seconds without a failure after which a fault is over, whether anybody said so or not.
QUIET: Final = 60.0


_CREDENTIALS = re.compile(r"(?<=://)[^\s/@]*(?=@)|(?<=password=)[^\s&'\"]+")


def without_credentials(text: str) -> str:
    """Return a text, such as an error's, without the user names and passwords of URLs in it.

    >>> without_credentials("postgresql://site:hunter2@db/site is away")
    'postgresql://…@db/site is away'
    >>> without_credentials("postgresql://db/site?user=site&password=hunter2")
    'postgresql://db/site?user=site&password=…'
    """
    return _CREDENTIALS.sub("…", text)


class Trouble:
    """One fault, such as a database that cannot be written. Safe for threads.

    ``what`` says what does not work: "no job can be claimed".
    """

    def __init__(self, log: logging.Logger, what: str) -> None:
        self._log = log
        self._what = what
        self._lock = threading.Lock()
        self._times = 0
        self._began = self._last = self._logged = 0.0

    def failed(self, error: BaseException, *, traceback: bool = False) -> None:
        """Log the fault if it is new, with a ``traceback`` for what may be an error of the code."""
        with self._lock:
            now = time.monotonic()
            if self._times and now - self._last > QUIET:
                self._times = 0
            if not self._times:
                self._began = now
            self._times += 1
            self._last = now
            if self._times > 1 and now - self._logged < REMIND:
                return
            self._logged = now
            reason = without_credentials(str(error)) or type(error).__name__
            if self._times == 1:
                self._log.error("%s: %s", self._what, reason, exc_info=error if traceback else None)
            else:
                lasting = now - self._began, self._times
                self._log.error(
                    "%s, for %.0f s, with %d failures: %s", self._what, *lasting, reason
                )

    def passed(self) -> None:
        """Log that the fault is over, if there was one."""
        if not self._times:  # without the lock: this is called often
            return
        with self._lock:
            if self._times:
                lasted = time.monotonic() - self._began
                failures = "failure" if self._times == 1 else "failures"
                self._log.warning(
                    "%s: over, after %.0f s and %d %s", self._what, lasted, self._times, failures
                )
                self._times = 0
