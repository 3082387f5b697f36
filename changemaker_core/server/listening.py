"""The listening socket of a site."""

from __future__ import annotations

import contextlib
import ctypes
import errno
import socket
import struct
import sys

from changemaker_core.server.errors import CommandError

BACKLOG = 2048
#: asm-generic/socket.h; Python has no name for it.
_SO_ATTACH_FILTER = 26
#: A classic BPF program (code, jump if true, jump if false, operand), which sees packets from the
#: TCP header on: where byte 13 has SYN without ACK, the packet is dropped.
_DROP_SYN = (
    (0x30, 0, 0, 13),
    (0x54, 0, 0, 0x12),
    (0x15, 0, 1, 0x02),
    (0x06, 0, 0, 0),
    (0x06, 0, 0, 0xFFFF_FFFF),
)


def listen(host: str, port: int) -> socket.socket:
    """Return a listening socket; port 0 chooses a free one. Raise ``CommandError`` on failure."""
    try:
        family, _, _, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with contextlib.ExitStack() as undo:
            listening = undo.enter_context(socket.socket(family, socket.SOCK_STREAM))
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.bind(address)
            listening.listen(BACKLOG)
            undo.pop_all()
    except OSError as error:
        raise CommandError(_reason(host, port, error)) from error
    return listening


def drop_new_connections(listening: socket.socket) -> None:
    """Ignore new connection attempts; connections in the queue can still be accepted.

    NOTE(reset): a connection is established before it is accepted, and its request may be on its
    way. Closing the socket resets those in its queue, and under load there is always one. A client
    whose attempt was dropped tries again a second later and is refused, which is safe: nothing was
    sent. Linux only; elsewhere a stop may reset a connection.
    """
    if sys.platform != "linux":
        return
    program = b"".join(struct.pack("HBBI", *step) for step in _DROP_SYN)
    buffer = ctypes.create_string_buffer(program, len(program))
    described = struct.pack("HP", len(_DROP_SYN), ctypes.addressof(buffer))
    # A container may forbid filters.
    with contextlib.suppress(OSError):
        listening.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER, described)


def _reason(host: str, port: int, error: OSError) -> str:
    if error.errno == errno.EADDRINUSE:
        return (
            f"Port {port} of {host} is already in use.\n"
            "Stop the program that uses it, or choose another port with --port."
        )
    return f"Cannot listen on {host}, port {port}: {error.strerror or error}."


def address_of(listening: socket.socket) -> str:
    """Return the address to type into a browser."""
    host, port = listening.getsockname()[:2]
    shown = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}.get(host, f"[{host}]" if ":" in host else host)  # noqa: S104
    return f"http://{shown}:{port}"
