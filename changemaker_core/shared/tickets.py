"""Tickets: RQ jobs that say «look into this queue of the outbox»."""

from __future__ import annotations

import re
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from rq import Queue
from rq.exceptions import DuplicateJobError
from rq.serializers import JSONSerializer
from rq.worker_registration import REDIS_WORKER_KEYS

if TYPE_CHECKING:
    from redis import Redis

#: What a worker calls: ``drain(queue)``, by its dotted name.
DRAIN: Final = "changemaker_core.server.drain.drain"
#: Tickets that may wait in one queue. More would tell nobody more: as many workers are busy.
WAITING: Final = 5
#: Seconds for which RQ remembers a ticket whose worker was killed.
REMEMBERED: Final = 60


class Tickets:
    """Where tickets are handed in. ``function`` is what they have a worker call."""

    def __init__(self, client: Redis, function: str = DRAIN) -> None:
        self._client = client
        self._function = function

    def put(self, queue: str) -> None:
        """Have a worker look into ``queue``: at most one ticket for each second, whoever asks.

        The second is part of the ticket's id. An id of the outbox's rows would be held for as long
        as RQ takes to notice that a worker was killed. Raises ``redis.RedisError``.
        """
        line = Queue(queue, connection=self._client, serializer=JSONSerializer)
        if line.count >= WAITING:
            return
        with suppress(DuplicateJobError):
            line.enqueue(
                self._function,
                queue,
                job_id=f"look-into-{_plain(queue)}-{int(time.time())}",
                unique=True,
                job_timeout=-1,  # leases, not RQ, decide when work has taken too long
                result_ttl=0,
                failure_ttl=REMEMBERED,
                description=f"look into {queue}",
            )


def living_workers(client: Redis) -> int:
    """How many RQ workers have been heard of lately. Raises ``redis.RedisError``."""
    known: Any = client.smembers(REDIS_WORKER_KEYS)
    living: Any = client.exists(*known) if known else 0  # the keys of those that are gone expire
    return int(living)


def _plain(queue: str) -> str:
    """As RQ allows it in an id."""
    return re.sub(r"[^A-Za-z0-9_-]", "_", queue)
