"""Cached responses in Redis, which processes on any machine share.

Nothing is deleted there. A record names the state of the tables and rows it was read from, by the
tokens of their last changes (``db.postgresql.notifications``), and only a process that knows that
state uses it. So a Redis that was emptied, restored or filled by another system costs time, and
never causes an outdated or forged response.
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
    from changemaker_core.shared.optional_redis import OptionalRedis

#: Larger responses are only cached in the memory of the process that made them.
MAX_BYTES = 256 * 1024
_SIGNATURE_BYTES = 32


class _Record(msgspec.Struct, array_like=True, frozen=True):
    """A response in Redis. ``until`` is a Unix time, ``state`` that of its tags."""

    until: float
    state: bytes
    tags: list[str]
    route: str
    headers: list[tuple[bytes, bytes]]
    body: bytes


class RedisSecondLevel:
    """The ``SecondLevel`` of a ``ResponseCache``.

    ``latest_tokens`` waits until every notification sent so far has arrived, and returns the tokens
    (None where that is not possible). ``secret`` signs the records. ``maker`` identifies the code
    and configuration that make the responses; those of another maker are not used.
    """

    def __init__(
        self,
        redis: OptionalRedis,
        latest_tokens: Callable[[], Awaitable[Tokens | None]],
        *,
        secret: str,
        maker: str,
        clock: Callable[[], float] = time.time,
    ) -> None:
        self._redis = redis
        self._latest_tokens = latest_tokens
        self._clock = clock
        self._name_key = _derived_key(secret, b"cm-cache-name")
        self._signing_key = _derived_key(secret, b"cm-cache-seal")
        self._maker = maker

    async def begin(self) -> Tokens | None:
        """See ``SecondLevel``."""
        return None if self._redis.is_down else await self._latest_tokens()

    async def find(
        self, key: Hashable, tokens: Tokens, seconds: float
    ) -> tuple[CachedResponse, float] | None:
        """See ``SecondLevel``."""
        name = self._name(key)
        # redis-py's stubs do not tell apart what its two kinds of clients return.
        signed: Any = await self._redis.call(lambda client: client.get(name))
        record = self._verified(name, signed) if signed is not None else None
        if record is None or record.state != tokens.digest(frozenset(record.tags)):
            return None
        left = min(seconds, record.until - self._clock())
        if left <= 0:
            return None
        complete = CompleteResponse(200, list(record.headers), record.body, record.route)
        return CachedResponse(complete, frozenset(record.tags), 0.0), left

    def store(self, key: Hashable, tokens: Tokens, seconds: float, cached: CachedResponse) -> None:
        """See ``SecondLevel``."""
        state = tokens.digest(cached.tags)
        if cached.size > MAX_BYTES or state is None:
            return
        record = _Record(
            self._clock() + seconds,
            state,
            sorted(cached.tags),
            cached.route,
            cached.headers,
            cached.body,
        )
        name = self._name(key)
        signed = self._signed(name, msgspec.msgpack.encode(record))
        self._redis.submit(lambda client: client.set(name, signed, px=max(1, int(seconds * 1000))))

    def _name(self, key: Hashable) -> bytes:
        written = f"{self._maker}\0{key!r}".encode(errors="surrogatepass")
        digest = hashlib.blake2b(written, key=self._name_key, digest_size=24).hexdigest()
        return f"changemaker:response:{digest}".encode()

    def _signed(self, name: bytes, content: bytes) -> bytes:
        # The name is signed too, so that a response cannot be moved to another address.
        signature = hashlib.blake2b(
            name + b"\0" + content, key=self._signing_key, digest_size=_SIGNATURE_BYTES
        )
        return signature.digest() + content

    def _verified(self, name: bytes, signed: bytes) -> _Record | None:
        content = signed[_SIGNATURE_BYTES:]
        if not hmac.compare_digest(signed, self._signed(name, content)):
            return None
        return msgspec.msgpack.decode(content, type=_Record)


def _derived_key(secret: str, purpose: bytes) -> bytes:
    return hashlib.blake2b(secret.encode(), person=purpose, digest_size=32).digest()
