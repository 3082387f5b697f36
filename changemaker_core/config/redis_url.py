"""URLs of Redis and Valkey servers, and whether the packages for them are installed."""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from urllib.parse import SplitResult, parse_qsl, unquote, urlsplit

from changemaker_core.config.secret import Secret

#: What a Redis URL may look like.
ALLOWED = (
    "must be redis://[user:password@]host:port/0, rediss://…, unix:///path/to/socket?db=0 or "
    "sentinel://[user:password@]host:port,host:port/service/0."
)
SENTINEL_PORT = 26379
_PACKAGES = ("redis", "rq")


@dataclass(frozen=True, slots=True)
class SentinelAddress:
    """``sentinel://[user:password@]host[:port],…/service[/db][?sentinel_password=…]``.

    ``user`` and ``password`` are those of the data server; the sentinels' password is an option.
    """

    hosts: tuple[tuple[str, int], ...]
    service: str
    db: int = 0
    username: str | None = None
    password: Secret | None = None
    sentinel_password: Secret | None = None

    @classmethod
    def parse(cls, url: str) -> SentinelAddress:
        """Return the parts of a URL. Raise ``ValueError`` if it has no host or no service."""
        parts = urlsplit(url)
        credentials, _, hosts = parts.netloc.rpartition("@")
        username, _, password = credentials.partition(":")
        service, _, db = parts.path.strip("/").partition("/")
        options = dict(parse_qsl(parts.query))
        if not service or not hosts or options.keys() - {"sentinel_password"}:
            raise ValueError(ALLOWED)
        sentinels = options.get("sentinel_password")
        return cls(
            hosts=tuple(_host_and_port(host) for host in hosts.split(",")),
            service=service,
            db=int(db or 0),
            username=unquote(username) or None,
            password=Secret(unquote(password)) if password else None,
            sentinel_password=Secret(sentinels) if sentinels else None,
        )


def problem(url: str) -> str | None:
    """Return what is wrong with a URL, None if it is valid."""
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
    """Return the packages of the extra ``changemaker-core[redis]`` that are not installed."""
    return tuple(name for name in _PACKAGES if find_spec(name) is None)


def _is_plain(parts: SplitResult) -> bool:
    if parts.scheme == "unix":
        return bool(parts.path)
    _ = parts.port  # raises ValueError if it is not a number
    return parts.scheme in ("redis", "rediss") and bool(parts.hostname)


def _host_and_port(text: str) -> tuple[str, int]:
    parts = urlsplit(f"//{text}")
    if not parts.hostname:
        raise ValueError(ALLOWED)
    return parts.hostname, parts.port or SENTINEL_PORT
