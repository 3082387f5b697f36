"""RQ's worker, fit to be left alone: it outlives Redis, and its horse ends its work properly."""

from __future__ import annotations

import logging
import os
import signal
import time
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

from redis.exceptions import RedisError
from rq import Worker
from rq.exceptions import StopRequested
from rq.serializers import JSONSerializer
from rq.worker.base import DequeueStrategy

from changemaker_core.shared.connection import connect
from changemaker_core.shared.horse import end_process_within

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from redis import Redis

log = logging.getLogger(__name__)

#: Seconds for which one read waits for a ticket, and for which an answer is waited for in all:
#: after that the server hangs.
READ_SECONDS: Final = 5
ANSWER_SECONDS: Final = 8
#: Seconds after which a worker that was killed is no more counted, and a minute.
HEARD_OF_SECONDS: Final = 30
#: Seconds to wait before trying again where Redis is away.
AWAY_SECONDS: Final = 1.0
#: Seconds that a stop may take while a horse is at work, a little more than the horse's, and while
#: there is none and Redis is only told of it.
STOP_SECONDS: Final = 9.5
FAREWELL_SECONDS: Final = 2.0


class TicketWorker(Worker):
    """An RQ worker with a horse for each ticket."""

    #: How long it waits at most before it tries to connect again.
    max_connection_wait_time = AWAY_SECONDS
    #: Whether a signal asked it to stop.
    told_to_stop = False

    @property
    def dequeue_timeout(self) -> int:
        """Seconds; by default it is minutes, in which a server that hangs is not noticed."""
        return READ_SECONDS

    @property
    def connection_timeout(self) -> int:
        """Seconds."""
        return ANSWER_SECONDS

    def subscribe(self) -> None:
        """Nothing: a thread that waits for commands is no good thing to fork beside."""

    def unsubscribe(self) -> None:
        """Nothing."""

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Tell that it lives; a server that was emptied is told who it is."""
        if pipeline is None and not self.connection.sismember(self.redis_workers_keys, self.key):
            self.connection.delete(self.key)
            self.register_birth()  # type: ignore[no-untyped-call]  # rq's, without types
        super().heartbeat(timeout, pipeline)

    def handle_warm_shutdown_request(self) -> None:
        """Have the horse take no more, and be gone in time even where Redis hangs."""
        self.told_to_stop = True
        end_process_within(STOP_SECONDS if self.horse_pid else FAREWELL_SECONDS)
        if self.horse_pid:
            with suppress(ProcessLookupError):
                os.kill(self.horse_pid, signal.SIGTERM)

    def set_shutdown_requested_date(self) -> None:
        """Nothing: a signal must not wait for Redis."""

    def request_force_stop(self, signum: int, frame: FrameType | None) -> None:
        """A second signal waits for nothing."""
        with suppress(SystemExit):
            super().request_force_stop(signum, frame)
            return  # it came with the first one
        raise SystemExit(128 + signum)


class OnceAMinute(logging.Filter):
    """RQ says each second that Redis is away, and once more with a traceback."""

    def __init__(self) -> None:
        super().__init__()
        self._silent_until = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether to let a record pass; ``WorkerLoop`` tells of what ended a worker."""
        if record.exc_info and isinstance(record.exc_info[1], RedisError):
            return False
        arguments = record.args if isinstance(record.args, tuple) else ()
        if not any(isinstance(argument, RedisError) for argument in arguments):
            return True
        is_time = time.monotonic() >= self._silent_until
        if is_time:
            self._silent_until = time.monotonic() + 60
        return is_time


def work(url: str, queues: Sequence[str], *, burst: bool = False) -> None:
    """Answer tickets until SIGTERM or SIGINT, whatever Redis does meanwhile.

    What the current ticket has begun is finished first; a second signal does not wait for it.
    ``burst``: only until there are no more tickets.
    """
    logging.getLogger("rq.worker").addFilter(OnceAMinute())
    with suppress(StopRequested):
        WorkerLoop(connect(url, answer_seconds=ANSWER_SECONDS), queues, burst).run()


class WorkerLoop:
    """One RQ worker after another, since each ends with its connection."""

    def __init__(self, client: Redis, queues: Sequence[str], burst: bool) -> None:
        self._client = client
        self._queues = queues
        self._burst = burst
        self._is_away = False

    def run(self) -> None:
        """Work until told to stop. Raises ``StopRequested`` where a signal came between two."""
        while True:
            _stop_at_once()
            if self._is_over(self._run_one()):
                return
            time.sleep(AWAY_SECONDS)

    def _run_one(self) -> TicketWorker | None:
        """A worker that has ended; None where it could not begin."""
        worker = None
        try:
            worker = TicketWorker(
                self._queues,
                connection=self._client,
                serializer=JSONSerializer,
                worker_ttl=HEARD_OF_SECONDS,
            )
            self._note(None)
            worker.work(
                burst=self._burst,
                logging_level="ERROR",
                dequeue_strategy=DequeueStrategy.ROUND_ROBIN,
            )
        except (RedisError, OSError) as error:
            self._note(error)
        return worker

    def _is_over(self, worker: TicketWorker | None) -> bool:
        if worker is None:
            return False
        if worker.horse_pid:  # Redis went while the horse was at work
            worker.wait_for_horse()
        return worker.told_to_stop or self._burst

    def _note(self, error: Exception | None) -> None:
        """Log what has changed, once."""
        if error is not None and not self._is_away:
            log.warning("no tickets: Redis is away (%s: %s)", type(error).__name__, error)
        elif error is None and self._is_away:
            log.warning("Redis answers again")
        self._is_away = error is not None


def _stop_at_once() -> None:
    """For the time in which no RQ worker is there to heed a signal."""

    def stop(_number: int, _frame: FrameType | None) -> None:
        raise StopRequested

    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, stop)
