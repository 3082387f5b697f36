"""The test kit's SMTP server as a process, for tests that kill things.

Run with ``--log FILE``, it prints its port and appends every message that it accepts to FILE, one
JSON object a line.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import logging
import os
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from changemaker_core.testing.smtp import Behaviour, Received, SmtpServer


class LoggingSmtpServer(SmtpServer):
    """Has each message that it accepts on disk before it says so."""

    def __init__(self, log: Path, **options: Any) -> None:
        super().__init__(**options)
        self._log = log

    def record(self, message: Received) -> None:
        """Write an accepted message to the file, then keep it."""
        _append(self._log, message)
        super().record(message)


def _append(log: Path, message: Received) -> None:
    """One write of one line, so that a kill leaves whole lines only."""
    line = asdict(replace(message, content=b""))
    line |= {"content": "", "message_id": str(message.email["Message-ID"])}
    handle = os.open(log, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o644)
    try:
        os.write(handle, json.dumps(line).encode() + b"\n")
    finally:
        os.close(handle)


def read_log(log: Path) -> list[dict[str, Any]]:
    """Return what the process accepted: ``sender``, ``recipients``, ``message_id``, ``at``."""
    return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []


def main() -> None:
    """Serve until the process is killed."""
    parser = argparse.ArgumentParser(description="An SMTP server for tests.")
    parser.add_argument("--log", type=Path, required=True, help="where accepted messages go")
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0)
    parser.add_argument("--delay", type=float, default=0.0, help="seconds before recording")
    parser.add_argument("--reply-delay", type=float, default=0.0, help="seconds after recording")
    arguments = parser.parse_args()
    logging.getLogger("mail.log").setLevel(logging.CRITICAL)  # aiosmtpd's, on lost connections
    asyncio.run(_main(arguments))


async def _main(arguments: argparse.Namespace) -> None:
    server = LoggingSmtpServer(arguments.log, host=arguments.host)
    server.always(Behaviour("message", delay=arguments.delay, reply_delay=arguments.reply_delay))
    serving = asyncio.create_task(server.serve(arguments.port))
    while not server.port and not serving.done():
        await asyncio.sleep(0.01)
    print(server.port, flush=True)  # how the test learns it
    await serving


if __name__ == "__main__":
    main()
