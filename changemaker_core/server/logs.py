"""The log on standard error: one JSON object per line, or plain text for a person."""

from __future__ import annotations

import json
import logging
import sys


class JsonLines(logging.Formatter):
    """``{"time", "level", "logger", "message", "request_id"?, "exception"?}``.

    ``time`` is Unix time in seconds.
    """

    def format(self, record: logging.LogRecord) -> str:
        """Return the record on one line."""
        line: dict[str, object] = {
            "time": round(record.created, 3),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
        }
        if request_id := getattr(record, "request_id", None):
            line["request_id"] = request_id
        if record.exc_info:
            line["exception"] = self.formatException(record.exc_info)
        return json.dumps(line, ensure_ascii=False)


def log_json() -> None:
    """Log requests, and everything else from INFO up, as JSON.

    A record of ``changemaker.access`` is several lines of JSON already and is written unchanged.
    """
    _log_to_stderr(logging.getLogger(), JsonLines(), logging.INFO)
    access = logging.getLogger("changemaker.access")
    _log_to_stderr(access, logging.Formatter("%(message)s"), logging.INFO)
    access.propagate = False
    for chatty in ("asyncio", "httpx", "httpcore", "uvicorn"):
        logging.getLogger(chatty).setLevel(logging.WARNING)


def log_text() -> None:
    """Log warnings and errors as text, and no requests."""
    plain = logging.Formatter("%(levelname)s %(name)s: %(message)s")
    _log_to_stderr(logging.getLogger(), plain, logging.WARNING)
    logging.getLogger("changemaker.access").setLevel(logging.WARNING)


def _log_to_stderr(logger: logging.Logger, formatter: logging.Formatter, level: int) -> None:
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(formatter)
    logger.addHandler(handler)
    logger.setLevel(level)
