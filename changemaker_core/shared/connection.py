"""A client of a Redis or Valkey server, from its URL; none of its calls waits long.

``redis`` and ``rq`` are not imported where no ``redis_url`` is configured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from changemaker_core.config.redis_url import SentinelAddress

if TYPE_CHECKING:
    from redis import Redis

    from changemaker_core.config.secret import Secret

#: Seconds to wait for a connection, and for the reply to a command. What uses Redis beside a
#: database rather does without it than waits.
CONNECT_TIMEOUT = 0.5
REPLY_TIMEOUT = 0.5


def connect(
    url: str,
    *,
    connect_timeout: float = CONNECT_TIMEOUT,
    reply_timeout: float = REPLY_TIMEOUT,
) -> Redis:
    """Return a thread-safe client, which connects when it is first used.

    A lost connection is replaced once. Beyond that no command is retried: a server that hangs costs
    ``reply_timeout``, one that cannot be reached ``connect_timeout``. Its commands raise
    ``redis.RedisError``.
    """
    from redis import Redis

    options = _options(connect_timeout, reply_timeout)
    if urlsplit(url).scheme == "sentinel":
        return _by_sentinel(SentinelAddress.parse(url), options)
    if urlsplit(url).scheme == "unix":
        del options["socket_keepalive"]
    return Redis.from_url(url, **options)


def server_version(client: Redis) -> str:
    """Return a name and version such as ``Valkey 8.1.0`` or ``Redis 7.0.15``."""
    about: Any = client.info("server")
    name = str(about.get("server_name", "redis")).capitalize()
    number = about.get(f"{name.lower()}_version", about["redis_version"])
    return f"{name} {number}"


def _options(connect_timeout: float, reply_timeout: float) -> dict[str, Any]:
    from redis.backoff import NoBackoff
    from redis.exceptions import ConnectionError as ConnectionLost
    from redis.retry import Retry

    return {
        "socket_connect_timeout": connect_timeout,
        "socket_timeout": reply_timeout,
        "socket_keepalive": True,
        "protocol": 2,
        # NOTE(timeouts): by default the client retries after a time-out, each time with its wait.
        "retry": Retry(NoBackoff(), 1, supported_errors=(ConnectionLost,)),
        "retry_on_error": [ConnectionLost],
    }


def _by_sentinel(address: SentinelAddress, options: dict[str, Any]) -> Redis:
    from redis.sentinel import Sentinel

    sentinels = Sentinel(
        address.hosts,
        sentinel_kwargs={**options, "password": _revealed(address.sentinel_password)},
        db=address.db,
        username=address.username,
        password=_revealed(address.password),
        **options,
    )
    client: Redis = sentinels.master_for(address.service)
    return client


def _revealed(password: Secret | None) -> str | None:
    return None if password is None else password.reveal()
