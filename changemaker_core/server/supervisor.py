"""The supervisor of ``serve``: starts web processes and a job runner, replaces and stops them.

It never loads the site. Each child does so after ``exec``, so that a new child reads the current
configuration and this process stays small. The supervisor holds the socket that children accept
connections from, so that none is refused while a child is replaced.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
from typing import TYPE_CHECKING, Any

from changemaker_core.server.child import Child
from changemaker_core.server.listening import drop_new_connections
from changemaker_core.server.spec import EXIT_CONFIG

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine, Sequence

    from changemaker_core.server.spec import ProcessSpec

log = logging.getLogger(__name__)

#: Seconds before a child that died is replaced: at first, and at most.
FIRST_DELAY, LONGEST_DELAY = 0.5, 30.0
#: After this many seconds of work, a child that dies is replaced with the first delay again.
STEADY = 60.0
#: Seconds of a stop after which the operator is told what it waits for.
SILENT_SECONDS = 12.0
#: Seconds between two looks at the memory of web processes, and how long each of them runs at
#: least: where the limit is less than a new one needs, or a new one cannot start, that is tried
#: once a minute.
MEMORY_SECONDS, LEAST_SECONDS = 5.0, 60.0


class Slot:
    """A place for one child at a time, and the spec that each of them gets."""

    def __init__(self, name: str, spec: ProcessSpec) -> None:
        self.name = name
        self.spec = spec
        self.child: Child | None = None
        self._delay = FIRST_DELAY
        self._started = 0.0
        self._failed = -LEAST_SECONDS

    def memory_beyond(self, most: int, now: float) -> int:
        """Return the bytes that a web process uses where they are more than ``most``; else 0."""
        if self.spec.kind != "web" or self.child is None or not self.child.is_working:
            return 0
        used = self.child.memory or 0
        since = now - max(self._started, self._failed)
        return used if used > most and since >= LEAST_SECONDS else 0

    def take(self, child: Child, now: float) -> None:
        """Have ``child`` do the work from now on."""
        self.child, self._started = child, now

    def keep(self, now: float) -> None:
        """Have the child go on, since its successor could not start; the next is tried later."""
        self._failed = now

    def next_delay(self, now: float) -> float:
        """Return after how many seconds a child that has died, or could not be started, is
        replaced."""
        delay = FIRST_DELAY if now - self._started > STEADY else self._delay
        self._delay, self._started = min(delay * 2, LONGEST_DELAY), now
        return delay


class Supervisor:
    """Runs one child for each of ``specs``; the first must be ready before the others start.

    ``announce()`` is called when it is; ``warn(message)`` tells the operator what went wrong.
    ``listening`` is closed at a stop. A web process that uses more than ``max_memory`` bytes is
    replaced once its successor is ready.
    """

    def __init__(
        self,
        specs: Sequence[ProcessSpec],
        *,
        listening: socket.socket,
        announce: Callable[[], None],
        warn: Callable[[str], None],
        max_memory: int | None = None,
    ) -> None:
        self._slots = [Slot(f"{spec.kind} process {n}", spec) for n, spec in enumerate(specs, 1)]
        self._listening = listening
        self._announce = announce
        self._warn = warn
        self._max_memory = max_memory
        self._children: set[Child] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._signals = 0
        self._status = 0
        # Children watch the reading end. The writing end is never passed on: it closes when this
        # process ends, however it ends.
        self._alive, self._alive_writer = os.pipe()

    async def run(self) -> int:
        """Serve until a signal says stop. Return the exit status."""
        self._stopping = asyncio.Event()
        self._rolling = asyncio.Lock()
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._on_stop_signal, number)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._spawn(self._roll()))
        try:
            await self._start_children()
            await self._stopping.wait()
        finally:
            await self._stop_children()
            os.close(self._alive)
            os.close(self._alive_writer)
        if self._signals:
            log.info("Stopped.")
        return self._status

    def _on_stop_signal(self, number: signal.Signals) -> None:
        self._signals += 1
        if self._signals > 1:
            for child in self._children:
                child.kill()
            self._status = 128 + number
        self._stopping.set()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _start_children(self) -> None:
        """Start the first child alone, so that an error at the start is reported once."""
        first, *others = self._slots
        child = await self._start_child(first)
        first.take(child, _now())
        if not await self._becomes_ready(child):
            if not self._stopping.is_set():
                status = await child.exit_status()
                if status < 0:
                    self._warn(f"The {first.name} was killed by {signal.Signals(-status).name}.")
                self._fail()
            return
        self._announce()
        self._spawn(self._watch(first, child))
        for slot in others:
            self._put(slot, await self._start_child(slot))
        if self._max_memory is not None:
            self._spawn(self._watch_memory(self._max_memory))

    def _put(self, slot: Slot, child: Child) -> None:
        slot.take(child, _now())
        self._spawn(self._watch(slot, child))

    async def _start_child(self, slot: Slot) -> Child:
        child = await Child.start(slot.spec, self._alive)
        self._children.add(child)
        return child

    async def _becomes_ready(self, child: Child) -> bool:
        """Whether the child is ready before it ends and before a signal says stop."""
        stopping = asyncio.ensure_future(self._stopping.wait())
        ready = asyncio.ensure_future(child.ready())
        await asyncio.wait({stopping, ready}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        return ready.done() and ready.result()

    def _fail(self) -> None:
        self._status = 1
        self._stopping.set()

    async def _watch(self, slot: Slot, child: Child) -> None:
        """Replace a child when it ends, unless the supervisor stops or has replaced it before."""
        status = await child.exit_status()
        self._children.discard(child)
        if self._stopping.is_set() or slot.child is not child:
            return
        if status == EXIT_CONFIG and not self._has_working_twin(slot):
            self._fail()
            return
        problem = f"ended {_cause(status)}"
        while slot.child is child:
            delay = slot.next_delay(_now())
            self._warn(f"The {slot.name} {problem}; restarting it in {delay:g} s.")
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self._stopping.wait(), delay)
                return
            if slot.child is not child:
                return
            try:
                new = await self._start_child(slot)
            except OSError as error:  # the machine has no memory or no process left for now
                problem = f"could not be started ({error})"
                continue
            if slot.child is child:
                self._put(slot, new)
            else:  # a rolling restart has replaced it meanwhile
                await self._end(new)

    def _has_working_twin(self, slot: Slot) -> bool:
        """Whether another child does the same work, so that the site runs on without this one."""
        twins = [s.child for s in self._slots if s.spec == slot.spec and s is not slot]
        return any(child is not None and child.is_working for child in twins)

    async def _roll(self) -> None:
        """Replace the children one after another, each once its successor is ready."""
        async with self._rolling:
            for slot in self._slots:
                if self._stopping.is_set() or not await self._replace(slot):
                    return

    async def _replace(self, slot: Slot) -> bool:
        """Replace a child once its successor is ready; return False where that could not start."""
        try:
            new = await self._start_child(slot)
        except OSError as error:
            self._warn(
                f"The new {slot.name} could not be started ({error}); the old ones continue."
            )
            return False
        if not await self._becomes_ready(new):
            self._children.discard(new)
            self._warn(f"The new {slot.name} could not start; the old ones continue.")
            return False
        old = slot.child
        self._put(slot, new)
        if old is not None:
            self._spawn(self._end(old))
        return True

    async def _watch_memory(self, most: int) -> None:
        """Replace each web process that uses too much memory."""
        while True:
            await asyncio.sleep(MEMORY_SECONDS)
            for slot in self._slots:
                async with self._rolling:
                    if used := slot.memory_beyond(most, _now()):
                        self._warn(
                            f"The {slot.name} uses {used / 2**20:.0f} MB of memory, more than"
                            f" {most / 2**20:.0f} MB: replacing it."
                        )
                        if not await self._replace(slot):
                            slot.keep(_now())

    async def _end(self, child: Child) -> None:
        """Let a child finish, and kill it when its grace is over."""
        child.stop()
        try:
            await asyncio.wait_for(child.exit_status(), child.grace)
        except TimeoutError:
            self._warn(f"Aborted what did not finish within {child.grace:g} s.")
            child.kill()
            await child.exit_status()
        self._children.discard(child)

    async def _stop_children(self) -> None:
        """Let all children finish; those that were replaced may still be at it."""
        drop_new_connections(self._listening)
        self._listening.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        ends = [asyncio.ensure_future(self._end(child)) for child in self._children]
        if ends:
            _, waiting = await asyncio.wait(ends, timeout=SILENT_SECONDS)
            if waiting:
                longest = max(child.grace for child in self._children)
                self._warn(
                    f"Waiting for requests in progress, {longest:g} s at most. "
                    "A second signal stops at once."
                )
            await asyncio.gather(*ends)


def _now() -> float:
    return asyncio.get_running_loop().time()


def _cause(status: int) -> str:
    return f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
