"""The way to a Redis or Valkey server: from its address to a client that never waits long.

Nothing here, and nothing of the packages ``redis`` and ``rq``, is imported where no ``redis_url``
is configured.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from changemaker_core.config.redis_url import SentinelAddress

if TYPE_CHECKING:
    from redis import Redis

#: Seconds until a connection is made, and until a command is answered: what uses Redis beside a
#: database does without it sooner than it waits.
CONNECT_SECONDS = 0.5
ANSWER_SECONDS = 0.5


def connect(
    url: str,
    *,
    connect_seconds: float = CONNECT_SECONDS,
    answer_seconds: float = ANSWER_SECONDS,
) -> Redis:
    """A client, safe for threads, which connects when it is first used.

    A connection that turns out to be lost is made anew once. Beyond that nothing is repeated: a
    server that hangs costs ``answer_seconds``, one that cannot be reached ``connect_seconds``.
    Raises ``redis.RedisError`` when used.
    """
    from redis import Redis

    options = _options(connect_seconds, answer_seconds)
    if urlsplit(url).scheme == "sentinel":
        return _by_sentinel(SentinelAddress.parse(url), options)
    if urlsplit(url).scheme == "unix":
        del options["socket_keepalive"]
    return Redis.from_url(url, **options)


def server_version(client: Redis) -> str:
    """Such as ``Valkey 8.1.0`` or ``Redis 7.0.15``."""
    about: Any = client.info("server")
    name = str(about.get("server_name", "redis")).capitalize()
    number = about.get(f"{name.lower()}_version", about["redis_version"])
    return f"{name} {number}"


def _options(connect_seconds: float, answer_seconds: float) -> dict[str, Any]:
    from redis.backoff import NoBackoff
    from redis.exceptions import ConnectionError as ConnectionLost
    from redis.retry import Retry

    return {
        "socket_connect_timeout": connect_seconds,
        "socket_timeout": answer_seconds,
        "socket_keepalive": True,
        "protocol": 2,
        # NOTE(timeouts): by default the client repeats what was not answered, each with its wait.
        "retry": Retry(NoBackoff(), 1, supported_errors=(ConnectionLost,)),
        "retry_on_error": [ConnectionLost],
    }


def _by_sentinel(address: SentinelAddress, options: dict[str, Any]) -> Redis:
    from redis.sentinel import Sentinel

    sentinels = Sentinel(
        address.hosts,
        sentinel_kwargs={**options, "password": address.sentinel_password},
        db=address.db,
        username=address.username,
        password=address.password,
        **options,
    )
    client: Redis = sentinels.master_for(address.service)
    return client
