"""Identifiers and the clock."""

from __future__ import annotations

import os
import threading
import time
from datetime import UTC, datetime

_TAIL_BITS = 74  # what UUIDv7 leaves beside 48 bits of time, the version and the variant
_TAIL_LIMIT = 1 << _TAIL_BITS
_RAND_B_MASK = (1 << 62) - 1
_DRAWN_BYTES = 1024


def utcnow() -> datetime:
    """Return the current time, as an aware datetime in UTC."""
    return datetime.now(UTC)


class _Sequence:
    """UUIDv7 numbers that only ever grow within a process (RFC 9562, 6.2, method 2)."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._milliseconds = 0
        self._tail = 0
        self._random = b""

    def next(self) -> int:
        """Return the next 128-bit number, version and variant included."""
        with self._lock:
            self._advance(time.time_ns() // 1_000_000)
            milliseconds, tail = self._milliseconds, self._tail
        head = milliseconds << 80 | 0x7 << 76 | (tail >> 62) << 64
        return head | 0b10 << 62 | tail & _RAND_B_MASK

    def _advance(self, now: int) -> None:
        if now > self._milliseconds:
            # The highest bit starts at zero, which leaves room to count upwards.
            self._milliseconds, self._tail = now, self._draw(_TAIL_BITS - 1)
            return
        # Same millisecond, or a clock that was set back: count on from the last one.
        self._tail += 1 + self._draw(32)
        if self._tail >= _TAIL_LIMIT:
            self._milliseconds, self._tail = self._milliseconds + 1, 0

    def _draw(self, bits: int) -> int:
        """Return random bits, of which many are read from the system at once: each read gives the
        interpreter to another thread, while this one holds the lock."""
        length = -(-bits // 8)
        if len(self._random) < length:
            self._random = os.urandom(_DRAWN_BYTES)
        drawn, self._random = self._random[:length], self._random[length:]
        return int.from_bytes(drawn) & (1 << bits) - 1


_sequence = _Sequence()


def _forget() -> None:
    """Start anew in a forked child: its siblings would count on from the same state."""
    global _sequence
    _sequence = _Sequence()


os.register_at_fork(after_in_child=_forget)


def new_id() -> str:
    """Return a new UUIDv7 as text. Within a process, later ids sort after earlier ones."""
    text = f"{_sequence.next():032x}"
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
