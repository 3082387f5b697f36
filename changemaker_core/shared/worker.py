"""An RQ worker that runs unattended: it outlives Redis, and its work horse stops in order."""

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
from changemaker_core.shared.work_horse import exit_within, worker_queues

if TYPE_CHECKING:
    from collections.abc import Sequence
    from types import FrameType

    from redis import Redis

log = logging.getLogger(__name__)

#: Seconds for which one command waits for a ticket, and for its reply in all: a server that has not
#: replied by then hangs.
DEQUEUE_TIMEOUT: Final = 5
REPLY_TIMEOUT: Final = 8
#: Seconds, and a minute, after which a worker that was killed is no longer counted.
WORKER_TTL: Final = 30
#: Seconds to wait before trying again where Redis is down.
RETRY_INTERVAL: Final = 1.0
#: Seconds that a stop may take while a work horse runs, a little more than the work horse itself
#: needs, and while none runs and only Redis must be informed.
STOP_TIMEOUT: Final = 9.5
IDLE_STOP_TIMEOUT: Final = 2.0


class TicketWorker(Worker):
    """An RQ worker, which forks a work horse for each ticket."""

    #: The longest wait before it tries to connect again.
    max_connection_wait_time = RETRY_INTERVAL
    #: Whether a signal asked it to stop.
    is_stopping = False

    @property
    def dequeue_timeout(self) -> int:
        """In seconds; RQ's default is minutes, in which a server that hangs is not noticed."""
        return DEQUEUE_TIMEOUT

    @property
    def connection_timeout(self) -> int:
        """In seconds."""
        return REPLY_TIMEOUT

    def subscribe(self) -> None:
        """Do nothing: RQ would wait for commands on a thread, beside which it must not fork."""

    def unsubscribe(self) -> None:
        """Do nothing."""

    def heartbeat(self, timeout: int | None = None, pipeline: Any = None) -> None:
        """Report that it is alive, and register again where the server was emptied."""
        if pipeline is None and not self.connection.sismember(self.redis_workers_keys, self.key):
            self.connection.delete(self.key)
            self.register_birth()  # type: ignore[no-untyped-call]  # rq's, without types
        super().heartbeat(timeout, pipeline)

    def main_work_horse(self, job: Any, queue: Any) -> Any:
        """Let the ticket's function know this worker's queues; this is called after the fork."""
        worker_queues.set(tuple(self.queue_names()))
        return super().main_work_horse(job, queue)

    def handle_warm_shutdown_request(self) -> None:
        """Have the work horse start no more jobs, and exit in time even where Redis hangs."""
        self.is_stopping = True
        exit_within(STOP_TIMEOUT if self.horse_pid else IDLE_STOP_TIMEOUT)
        if self.horse_pid:
            with suppress(ProcessLookupError):
                os.kill(self.horse_pid, signal.SIGTERM)

    def set_shutdown_requested_date(self) -> None:
        """Do nothing: handling a signal must not wait for Redis."""

    def request_force_stop(self, signum: int, frame: FrameType | None) -> None:
        """Exit at once on a second signal."""
        with suppress(SystemExit):
            super().request_force_stop(signum, frame)
            return  # it came with the first one
        raise SystemExit(128 + signum)


class OnceAMinute(logging.Filter):
    """Limits RQ's log records about a Redis that is down, one a second, to one a minute."""

    def __init__(self) -> None:
        super().__init__()
        self._muted_until = 0.0

    def filter(self, record: logging.LogRecord) -> bool:
        """Return whether to log a record. ``WorkerLoop`` logs the error that ended a worker."""
        if record.exc_info and isinstance(record.exc_info[1], RedisError):
            return False
        arguments = record.args if isinstance(record.args, tuple) else ()
        if not any(isinstance(argument, RedisError) for argument in arguments):
            return True
        is_time = time.monotonic() >= self._muted_until
        if is_time:
            self._muted_until = time.monotonic() + 60
        return is_time


def run_worker(url: str, queues: Sequence[str], *, burst: bool = False) -> None:
    """Work on tickets until SIGTERM or SIGINT, whatever Redis does meanwhile.

    The jobs that the current ticket has started are finished first; a second signal does not wait
    for them. ``burst``: only until there are no more tickets.
    """
    logging.getLogger("rq.worker").addFilter(OnceAMinute())
    with suppress(StopRequested):
        WorkerLoop(connect(url, reply_timeout=REPLY_TIMEOUT), queues, burst).run()


class WorkerLoop:
    """Runs one RQ worker after another, since each ends with its connection."""

    def __init__(self, client: Redis, queues: Sequence[str], burst: bool) -> None:
        self._client = client
        self._queues = queues
        self._burst = burst
        self._is_down = False

    def run(self) -> None:
        """Run until a signal. Raises ``StopRequested`` where it came between two workers."""
        while True:
            for number in (signal.SIGTERM, signal.SIGINT):
                signal.signal(number, _raise_stop)  # until an RQ worker handles them
            worker = self._run_one()
            if worker is not None:
                if worker.horse_pid:  # Redis was lost while the work horse ran
                    worker.wait_for_horse()
                if worker.is_stopping or self._burst:
                    return
            time.sleep(RETRY_INTERVAL)

    def _run_one(self) -> TicketWorker | None:
        """Run a worker, and return it once it has ended; None where it could not start."""
        worker = None
        try:
            worker = TicketWorker(
                self._queues,
                connection=self._client,
                serializer=JSONSerializer,
                worker_ttl=WORKER_TTL,
            )
            self._log_change(None)
            worker.work(
                burst=self._burst,
                logging_level="ERROR",
                dequeue_strategy=DequeueStrategy.ROUND_ROBIN,
            )
        except (RedisError, OSError) as error:
            self._log_change(error)
        return worker

    def _log_change(self, error: Exception | None) -> None:
        """Log once that Redis is down, and that it is up again."""
        if error is not None and not self._is_down:
            log.warning("no tickets: Redis is down (%s: %s)", type(error).__name__, error)
        elif error is None and self._is_down:
            log.warning("Redis responds again")
        self._is_down = error is not None


def _raise_stop(_number: int, _frame: FrameType | None) -> None:
    raise StopRequested
