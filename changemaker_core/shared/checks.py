"""What ``changemaker doctor`` checks of Redis: whether it responds, and who works for it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core.diagnostics import TIMEOUT, Check, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core.site import Site


def checks() -> list[Check]:
    """Return the checks of this room."""
    return [Check("redis", check_redis, keys=("redis_url", "database_url"))]


def check_redis(site: Site) -> Iterator[Finding]:
    """Report the server's version and the number of workers; nothing without a ``redis_url``."""
    if site.config.redis_url is None:
        return
    from redis.exceptions import RedisError

    from changemaker_core.shared.connection import connect, server_version
    from changemaker_core.shared.tickets import count_workers

    client = connect(site.config.redis_url, connect_timeout=TIMEOUT, reply_timeout=TIMEOUT)
    try:
        version, workers = server_version(client), count_workers(client)
    except (RedisError, OSError) as error:
        detail = f"It does not respond, so jobs are waiting: {type(error).__name__}: {error}."
        yield Finding("error", detail, "Start Redis or Valkey, or correct redis_url.")
        return
    if workers:
        yield Finding("ok", f"{version} responds. Workers: {workers}.")
    else:
        fix = f"Start one: `changemaker --site {site.config.site_dir} worker`"
        yield Finding("warning", f"{version} responds, but no worker is running.", fix)
