"""The log of a process: every line JSON, or every line text."""

from __future__ import annotations

import json
import logging
import re
import sys
from typing import TYPE_CHECKING, Any

import pytest

from changemaker_core import Config
from changemaker_core.http.access_log import AccessLog
from changemaker_core.server import logs

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TIME = r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z"


@pytest.fixture
def written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> Iterator[Callable[..., list[str]]]:
    """Log a warning, an error with a traceback and a request; return what was written."""
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    levels = {name: logging.getLogger(name).level for name in logs._CHATTY}

    def write(**keys: Any) -> list[str]:
        config = Config.for_tests(tmp_path, **keys)
        logs.start_log(config)
        log = logging.getLogger("changemaker_core.parks")
        log.debug("a detail")
        logging.getLogger("peewee").debug("('INSERT …', ['hunter2'])")
        log.warning("a bench\nis wet", extra={"request_id": "r-1"})
        try:
            raise ValueError("too wet")
        except ValueError:
            log.exception("no bench")
        access = AccessLog(config)
        access._timer = _Never()  # type: ignore[assignment]  # no event loop runs here
        access.add("GET", "/x/{slug}", "/x/y", 200, 0.1, b"r-2", "203.0.113.7", "u-1")
        access.flush()
        return capsys.readouterr().err.splitlines()

    yield write
    root.setLevel(before[0])
    root.handlers[:] = before[1]
    for name, level in levels.items():
        logging.getLogger(name).setLevel(level)


class _Never:
    """A timer that is not needed."""

    def cancel(self) -> None:
        """Do nothing."""


def test_every_line_is_json(written: Callable[..., list[str]]) -> None:
    lines = [json.loads(line) for line in written(log_format="json")]
    assert [line["level"] for line in lines] == ["WARNING", "ERROR", "INFO"]
    assert all(re.fullmatch(TIME, line["time"]) for line in lines)
    assert lines[0]["message"] == "a bench\nis wet"
    assert lines[0]["request_id"] == "r-1"
    assert "ValueError: too wet" in lines[1]["exception"]
    assert (lines[2]["path"], lines[2]["route"], lines[2]["user"]) == ("/x/y", "/x/{slug}", "u-1")


def test_every_line_is_text(written: Callable[..., list[str]]) -> None:
    lines = written(log_format="text")
    begins = [line for line in lines if re.match(f"{TIME} [A-Z]+ ", line)]
    assert len(begins) == 3
    assert all(line in begins or line.startswith((" ", "Traceback", "Value")) for line in lines)
    assert begins[-1].endswith(
        "GET /x/y 200 100.0 ms route=/x/{slug} client=203.0.113.0 user=u-1 request_id=r-2"
    )


@pytest.mark.parametrize("formatter", [logs.JsonLines(), logs.TextLines()])
def test_no_line_has_a_password_or_moves_the_cursor(formatter: logging.Formatter) -> None:
    """(!) Errors quote URLs, and what a visitor wrote."""
    try:
        raise ConnectionError("redis://:hunter2@cache is away\r")
    except ConnectionError:
        message = "postgresql://site:hunter2@db/site: Ann\r\x1b[2J Lee «\u00a0oui\u00a0»"
        text = formatter.format(
            logging.LogRecord("parks", logging.ERROR, "", 1, message, None, sys.exc_info())
        )
    assert "postgresql://…@db/site: Ann" in text and "redis://…@cache is away" in text
    assert "hunter2" not in text
    assert not set(text) & {"\r", "\x1b"}
    if isinstance(formatter, logs.TextLines):
        assert "Ann��[2J Lee «\u00a0oui\u00a0»" in text


@pytest.mark.parametrize(("level", "count"), [("debug", 4), ("info", 3), ("error", 1)])
def test_the_level_is_configured(written: Callable[..., list[str]], level: str, count: int) -> None:
    lines = written(log_level=level, log_format="json")
    assert len(lines) == count
    assert "hunter2" not in "".join(lines)


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_shows_text(monkeypatch: pytest.MonkeyPatch, terminal: bool) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    assert logs.uses_text(None) is terminal
    assert not logs.uses_text("json") and logs.uses_text("text")
