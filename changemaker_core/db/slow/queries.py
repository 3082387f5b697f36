"""The log of slow statements and units of work. Plans are made on a thread of their own."""

from __future__ import annotations

import logging
import math
import threading
import time
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

from changemaker_core.db.slow.plans import is_explained, without_values
from changemaker_core.identity.origin import current_origin

if TYPE_CHECKING:
    from collections.abc import Callable

logger = logging.getLogger(__name__)

#: Seconds after which the same statement is logged again.
QUIET = 60.0
#: Statements that are known to have been logged; the oldest makes room for another.
MOST_KNOWN = 500
#: Reports that wait for their plan; what comes then is logged without one.
MOST_WAITING = 20
#: Characters of a statement and of a plan that are logged.
LONGEST_SQL, LONGEST_PLAN = 2_000, 4_000
_STOP_SECONDS = 2.0


class Statement(NamedTuple):
    """A statement with its values; ``name`` is that of the compiled query it comes from."""

    sql: str
    values: Any
    name: str = ""

    @property
    def text(self) -> str:
        """Its name, or else its SQL."""
        return self.name or self.shown_sql

    @property
    def shown_sql(self) -> str:
        """Its SQL on one line, shortened and without values."""
        return _shortened(" ".join(without_values(self.sql).split()), LONGEST_SQL)


class _Report(NamedTuple):
    message: str
    statement: Statement | None
    request_id: str | None


@dataclass(slots=True)
class _Known:
    """What was logged, and how often it happened since."""

    quiet_until: float
    times: int = 0
    longest: float = 0.0


class SlowQueries:
    """Logs what takes longer than ``seconds``, by default nothing. Safe for threads.

    ``explain`` returns the plan of a statement, as a text without values; it is called on a thread
    of this object's own, at most once for a statement in a minute.
    """

    def __init__(self, explain: Callable[[str, Any], str] | None = None) -> None:
        self.seconds = math.inf
        self._explain = explain
        self._lock = threading.Lock()
        self._known: dict[str, _Known] = {}
        self._waiting: deque[_Report] = deque()
        self._thread: threading.Thread | None = None

    def statement(self, statement: Statement, seconds: float) -> None:
        """Log a slow statement."""
        text = statement.text
        self._report(text, f"a query took {seconds:.2f} s: {text}", statement, seconds)

    def bulk(self, table: str, rows: int, seconds: float) -> None:
        """Log a slow bulk insert, which has no plan."""
        text = f"{rows} rows of {table}"
        message = f"a bulk insert took {seconds:.2f} s: {text}"
        self._report(f"bulk {table}", message, None, seconds)

    def unit(
        self, name: str, seconds: float, count: int, in_database: float, slowest: Statement | None
    ) -> None:
        """Log a slow unit of work of ``count`` statements, with the slowest of them."""
        message = (
            f"a unit of work took {seconds:.2f} s, {in_database:.2f} s of it"
            f" in the database ({count} statements): {name}"
        )
        if slowest is not None:
            message += f"; its slowest: {slowest.text}"
        self._report(f"unit {name}", message, slowest, seconds)

    def _report(self, key: str, message: str, statement: Statement | None, seconds: float) -> None:
        since = self._since_last(key, seconds)
        if since is None:
            return
        cause = current_origin.get()
        origin = None if cause is None else cause.origin
        if origin is not None:
            message += f" ({origin.place})"
        request_id = None if origin is None else origin.request_id
        report = _Report(message + since, statement, request_id)
        if statement is None or self._explain is None or not is_explained(statement.sql):
            _log(report)
        elif not self._add(report):
            _log(report, "no plan: too many slow statements")

    def _since_last(self, key: str, seconds: float) -> str | None:
        """Return what to add about the same one since it was last logged; None where that was a
        moment ago."""
        now = time.monotonic()
        with self._lock:
            known = self._known.get(key)
            if known is not None and now < known.quiet_until:
                known.times += 1
                known.longest = max(known.longest, seconds)
                return None
            self._known.pop(key, None)
            if len(self._known) >= MOST_KNOWN:
                del self._known[next(iter(self._known))]
            self._known[key] = _Known(now + QUIET)
        if known is None or not known.times:
            return ""
        return f"; {known.times} times more since the last report, up to {known.longest:.2f} s"

    def _add(self, report: _Report) -> bool:
        with self._lock:
            if len(self._waiting) >= MOST_WAITING:
                return False
            self._waiting.append(report)
            if self._thread is None:
                self._thread = threading.Thread(
                    target=self._write, name="slow-queries", daemon=True
                )
                self._thread.start()
        return True

    def _write(self) -> None:
        """Log what waits, with its plans, and end."""
        while True:
            with self._lock:
                if not self._waiting:
                    self._thread = None
                    return
                report = self._waiting.popleft()
            _log(report, self._plan(report.statement))

    def _plan(self, statement: Statement | None) -> str:
        if statement is None or self._explain is None:
            return ""
        try:
            return _shortened(self._explain(statement.sql, statement.values), LONGEST_PLAN)
        except Exception as error:
            # NOTE(personal): what a database says of a statement may quote its values.
            return f"no plan: {type(error).__name__}"

    def close(self) -> None:
        """Wait a moment for what is being logged."""
        thread = self._thread
        if thread is not None:
            thread.join(_STOP_SECONDS)


#: For units of work that no engine runs: migrations, and SQL that is only built.
NOT_LOGGED = SlowQueries()


def _log(report: _Report, plan: str = "") -> None:
    message, statement = report.message, report.statement
    if statement is not None and statement.name:  # the plan has the short names of its tables
        message += f"\n{statement.shown_sql}"
    if plan:
        message += f"\n{plan}"
    logger.warning("%s", message, extra={"request_id": report.request_id})


def _shortened(text: str, longest: int) -> str:
    return text if len(text) <= longest else f"{text[:longest]}…"
