"""The way to a Redis or Valkey server: from its address to a client that never waits long.

Nothing here, and nothing of the packages ``redis`` and ``rq``, is imported where no ``redis_url``
is configured.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

if TYPE_CHECKING:
    from redis import Redis

#: Seconds until a connection is made, and until a command is answered: what uses Redis beside a
#: database does without it sooner than it waits.
CONNECT_SECONDS = 0.5
ANSWER_SECONDS = 0.5

#: What an address may look like.
ALLOWED = (
    "must be redis://[user:password@]host:port/0, rediss://…, unix:///path/to/socket?db=0 or "
    "sentinel://[user:password@]host:port,host:port/service/0."
)
SENTINEL_PORT = 26379
_PACKAGES = ("redis", "rq")


@dataclass(frozen=True, slots=True)
class SentinelAddress:
    """``sentinel://[user:password@]host[:port],…/service[/db][?sentinel_password=…]``.

    ``user`` and ``password`` are the data server's; the sentinels' own password is an option.
    """

    hosts: tuple[tuple[str, int], ...]
    service: str
    db: int = 0
    username: str | None = None
    password: str | None = None
    sentinel_password: str | None = None

    @classmethod
    def parse(cls, url: str) -> SentinelAddress:
        """Raises ``ValueError`` where the address names no host or no service."""
        parts = urlsplit(url)
        credentials, _, hosts = parts.netloc.rpartition("@")
        username, _, password = credentials.partition(":")
        service, _, db = parts.path.strip("/").partition("/")
        options = dict(parse_qsl(parts.query))
        if not service or not hosts or options.keys() - {"sentinel_password"}:
            raise ValueError(ALLOWED)
        return cls(
            hosts=tuple(_host_and_port(host) for host in hosts.split(",")),
            service=service,
            db=int(db or 0),
            username=unquote(username) or None,
            password=unquote(password) or None,
            sentinel_password=options.get("sentinel_password"),
        )


def refusal(url: str) -> str | None:
    """What is wrong with an address; None when it can be used."""
    try:
        parts = urlsplit(url)
        if parts.scheme == "sentinel":
            SentinelAddress.parse(url)
        elif not _is_plain(parts):
            return ALLOWED
    except ValueError:
        return ALLOWED
    return None


def missing_packages() -> tuple[str, ...]:
    """Those of the extra ``changemaker-core[redis]`` that are not installed."""
    return tuple(name for name in _PACKAGES if find_spec(name) is None)


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


def _is_plain(parts: SplitResult) -> bool:
    if parts.scheme == "unix":
        return bool(parts.path)
    _ = parts.port  # raises where it is no number
    return parts.scheme in ("redis", "rediss") and bool(parts.hostname)


def _host_and_port(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError(ALLOWED)
    return parts.hostname, parts.port or SENTINEL_PORT
