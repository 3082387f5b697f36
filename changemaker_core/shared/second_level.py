"""Ready-made answers in Redis, which processes on any machine share.

Nothing is deleted there. A record names the state of the tables and rows it was read from, by the
tokens of their last changes (``db.postgresql.notifications``), and only a process that knows that
state uses it. So a Redis that was emptied, restored or filled by another system costs time, and
never shows an outdated or forged response.
"""

from __future__ import annotations

import hashlib
import hmac
import time
from typing import TYPE_CHECKING, Any

import msgspec

from changemaker_core.cache.responses import CachedResponse, CompleteResponse

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Hashable

    from changemaker_core.db.postgresql.notifications import Tokens
    from changemaker_core.shared.store import RedisStore

#: Larger answers stay in the memory of the process that made them.
LARGEST = 256 * 1024
_SEAL_BYTES = 32


class _Record(msgspec.Struct, array_like=True, frozen=True):
    """An answer as it lies in Redis. ``until`` is a Unix time, ``state`` that of its tags."""

    until: float
    state: bytes
    tags: list[str]
    route: str
    headers: list[tuple[bytes, bytes]]
    body: bytes


class SecondLevel:
    """What ``BytesCache`` asks before it makes an answer, and tells when it has made one.

    ``hear`` waits until every commit was heard of that anybody was told of, and answers the tokens
    (None where that cannot be). ``secret`` seals what is written. ``maker`` stands for the code
    and configuration that make the answers: others' are not used.
    """

    def __init__(
        self,
        store: RedisStore,
        hear: Callable[[], Awaitable[Tokens | None]],
        *,
        secret: str,
        maker: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._store = store
        self._hear = hear
        self._clock = clock
        self._names = _derived(secret, b"cm-cache-name")
        self._seals = _derived(secret, b"cm-cache-seal")
        self._maker = maker

    async def begin(self) -> Tokens | None:
        """The present state, to be given to ``find`` and ``keep``; None: do without."""
        return None if self._store.is_away else await self._hear()

    async def find(
        self, key: Hashable, tokens: Tokens, seconds: float
    ) -> tuple[CachedResponse, float] | None:
        """The answer under ``key`` that holds for ``tokens``, with the seconds that it is good for
        (at most ``seconds``). Its ``expires`` is for the caller to set."""
        name = self._name(key)
        # redis-py's stubs do not tell apart the answers of its two kinds of clients.
        sealed: Any = await self._store.ask(lambda client: client.get(name))
        record = self._open(name, sealed) if sealed is not None else None
        if record is None or record.state != tokens.digest(frozenset(record.tags)):
            return None
        left = min(seconds, record.until - self._clock())
        if left <= 0:
            return None
        reply = CompleteResponse(200, list(record.headers), record.body, record.route)
        return CachedResponse(reply, frozenset(record.tags), 0.0), left

    def keep(self, key: Hashable, tokens: Tokens, seconds: float, entry: CachedResponse) -> None:
        """Have ``entry`` kept for ``seconds``; it was made after ``tokens`` were heard of."""
        state = tokens.digest(entry.tags)
        if entry.size > LARGEST or state is None:
            return
        record = _Record(
            self._clock() + seconds,
            state,
            sorted(entry.tags),
            entry.route,
            entry.headers,
            entry.body,
        )
        name = self._name(key)
        sealed = self._seal(name, msgspec.msgpack.encode(record))
        self._store.send(lambda client: client.set(name, sealed, px=max(1, int(seconds * 1000))))

    def _name(self, key: Hashable) -> bytes:
        told = f"{self._maker}\0{key!r}".encode(errors="surrogatepass")
        digest = hashlib.blake2b(told, key=self._names, digest_size=24).hexdigest()
        return f"changemaker:answer:{digest}".encode()

    def _seal(self, name: bytes, written: bytes) -> bytes:
        # The name is sealed too: nobody can put one address's answer under another.
        seal = hashlib.blake2b(name + b"\0" + written, key=self._seals, digest_size=_SEAL_BYTES)
        return seal.digest() + written

    def _open(self, name: bytes, sealed: bytes) -> _Record | None:
        written = sealed[_SEAL_BYTES:]
        if not hmac.compare_digest(sealed, self._seal(name, written)):
            return None
        return msgspec.msgpack.decode(written, type=_Record)


def _derived(secret: str, purpose: bytes) -> bytes:
    return hashlib.blake2b(secret.encode(), person=purpose, digest_size=32).digest()
