"""The log on standard error: every line JSON, or every line text for a person."""

from __future__ import annotations

import json
import logging
import sys
from typing import TYPE_CHECKING, Literal

from changemaker_core.http.access_log import AccessLines, iso_time
from changemaker_core.identity.origin import current_request_id
from changemaker_core.text import printable
from changemaker_core.trouble import without_credentials

if TYPE_CHECKING:
    from changemaker_core.config import Config

#: Libraries that have something to say about each request or statement, at INFO or DEBUG.
#: NOTE(secrets): peewee logs the values of each statement.
_CHATTY = ("asyncio", "httpx", "httpcore", "uvicorn", "peewee", "urllib3", "PIL")


class JsonLines(logging.Formatter):
    """``{"time", "level", "logger", "message", "request_id"?, "exception"?}``.

    ``time`` is as in ``2030-01-31T12:00:00.000Z``. Lines of requests have their own keys.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the record on one line."""
        if (lines := _access_lines(record)) is not None:
            return str(lines)
        line: dict[str, object] = {
            "time": iso_time(record.created),
            "level": record.levelname,
            "logger": record.name,
            "message": without_credentials(record.getMessage()),
        }
        if request_id := getattr(record, "request_id", None) or current_request_id():
            line["request_id"] = request_id
        if record.exc_info:
            line["exception"] = without_credentials(self.formatException(record.exc_info))
        # As lines of requests are written, so that one pattern finds both.
        return json.dumps(line, ensure_ascii=False, separators=(",", ":"))


class TextLines(logging.Formatter):
    """``2030-01-31T12:00:00.000Z WARNING changemaker_core.mail: …``, tracebacks below."""

    def format(self, record: logging.LogRecord) -> str:
        """Return the record, on one line unless it has a traceback."""
        if (lines := _access_lines(record)) is not None:
            return lines.as_text()
        # NOTE(terminal): a message may quote what a visitor wrote, such as a name.
        message = _lines(record.getMessage()).replace("\n", "\n    ")
        text = f"{iso_time(record.created)} {record.levelname} {record.name}: {message}"
        if request_id := getattr(record, "request_id", None) or current_request_id():
            text += f" request_id={request_id}"
        if record.exc_info:
            text += f"\n{_lines(self.formatException(record.exc_info))}"
        return text


def _lines(text: str) -> str:
    """Return lines for a person, without passwords and what would move the cursor."""
    return "\n".join(map(printable, without_credentials(text).expandtabs().split("\n")))


def start_log(config: Config) -> None:
    """Write the log of this process to standard error, as the configuration says."""
    as_text = uses_text(config.log_format)
    level: int = getattr(logging, config.log_level.upper())
    _log_to_stderr(TextLines() if as_text else JsonLines(), level)


def uses_text(log_format: Literal["json", "text"] | None) -> bool:
    """Return whether lines are text: as configured, else where a terminal shows them."""
    return sys.stderr.isatty() if log_format is None else log_format == "text"


def log_warnings() -> None:
    """Log warnings and errors as text, and no requests: for a demonstration."""
    _log_to_stderr(TextLines(), logging.WARNING)


def _log_to_stderr(formatter: logging.Formatter, level: int) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    root = logging.getLogger()
    root.addHandler(handler)
    root.setLevel(level)
    for chatty in _CHATTY:
        logging.getLogger(chatty).setLevel(max(level, logging.WARNING))


def _access_lines(record: logging.LogRecord) -> AccessLines | None:
    """Return the lines of requests that a record of the access log is made of."""
    first = record.args[0] if isinstance(record.args, tuple) and record.args else None
    return first if isinstance(first, AccessLines) else None
