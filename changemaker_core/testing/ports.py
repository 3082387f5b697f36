"""Ports for servers that cannot be asked which one they chose."""

from __future__ import annotations

import random
import socket

#: Below those that systems give to outgoing connections: one of these could take the port of a
#: server while a test has it down.
_FIRST, _LAST = 15_000, 32_000


def free_port() -> int:
    """Return a free port of 127.0.0.1."""
    while True:
        port = random.randint(_FIRST, _LAST)  # noqa: S311  # not a secret
        with socket.socket() as probe:
            try:
                probe.bind(("127.0.0.1", port))
            except OSError:
                continue
        return port
