"""The supervisor of ``serve``: web processes and a job runner, kept alive, rolled and stopped.

It knows nothing of the site: each child loads it after ``exec``, so a configuration that changed is
read anew by the next child, and this process stays small. Children are started on a socket that the
supervisor holds, so no connection is refused while one of them is replaced.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import signal
from typing import TYPE_CHECKING, Any

from changemaker_core.server.child import Child
from changemaker_core.server.listening import let_nobody_in
from changemaker_core.server.orders import GRACE, REFUSED

if TYPE_CHECKING:
    import socket
    from collections.abc import Callable, Coroutine, Sequence

    from changemaker_core.server.orders import Orders

#: Seconds to wait before a dead child is replaced: the first time, and at most.
FIRST_WAIT, LONGEST_WAIT = 0.5, 30.0
#: A child that worked for this many seconds before it died is replaced as if for the first time.
STEADY = 60.0


class Slot:
    """One place for a child: what runs there now, and under which orders."""

    def __init__(self, name: str, orders: Orders) -> None:
        self.name = name
        self.orders = orders
        self.child: Child | None = None


class Supervisor:
    """Runs ``orders``, the first of which must begin to work before the others are started.

    ``announce()`` is called when it does; ``warn(message)`` tells the operator what went wrong.
    ``listening`` is closed when a signal says stop.
    """

    def __init__(
        self,
        orders: Sequence[Orders],
        *,
        listening: socket.socket,
        announce: Callable[[], None],
        warn: Callable[[str], None],
    ) -> None:
        self._slots = [Slot(f"{o.kind} process {n}", o) for n, o in enumerate(orders, 1)]
        self._listening = listening
        self._announce = announce
        self._warn = warn
        self._children: set[Child] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._signals = 0
        self._status = 0
        # The writing end is never passed on: it closes when this process ends, however it ends.
        self._alive, self._life = os.pipe()

    async def run(self) -> int:
        """Serve until a signal says stop; answers the exit status."""
        self._stopping = asyncio.Event()
        self._rolling = asyncio.Lock()
        self._listen_to_signals()
        try:
            await self._first_start()
            await self._stopping.wait()
        finally:
            await self._stop_children()
            os.close(self._alive)
            os.close(self._life)
        return self._status

    def _listen_to_signals(self) -> None:
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._told_to_stop, number)
        loop.add_signal_handler(signal.SIGHUP, lambda: self._spawn(self._roll()))

    def _told_to_stop(self, number: signal.Signals) -> None:
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

    async def _first_start(self) -> None:
        """Start the first child alone: what keeps it from working is said once, not by each."""
        first, *others = self._slots
        if not await self._fill(first):
            await self._could_not_start(first)
            return
        self._announce()
        self._spawn(self._keep(first))
        for slot in others:
            await self._fill(slot, wait=False)
            self._spawn(self._keep(slot))

    async def _fill(self, slot: Slot, *, wait: bool = True) -> bool:
        child = await Child.start(slot.orders, self._alive)
        slot.child = child
        self._children.add(child)
        return await self._ready(child) if wait else True

    async def _ready(self, child: Child) -> bool:
        """Whether the child began to work before it ended and before a signal said stop."""
        stopping = asyncio.ensure_future(self._stopping.wait())
        ready = asyncio.ensure_future(child.ready())
        await asyncio.wait({stopping, ready}, return_when=asyncio.FIRST_COMPLETED)
        stopping.cancel()
        return ready.done() and ready.result()

    async def _could_not_start(self, slot: Slot) -> None:
        if self._stopping.is_set() or slot.child is None:
            return
        status = await slot.child.exit_status()
        if status < 0:
            self._warn(f"The {slot.name} was killed by {signal.Signals(-status).name}.")
        self._give_up()

    def _give_up(self) -> None:
        self._status = 1
        self._stopping.set()

    async def _keep(self, slot: Slot) -> None:
        """Replace the slot's child each time it ends, until told to stop."""
        clock = asyncio.get_running_loop().time
        wait, since = FIRST_WAIT, clock()
        while (child := slot.child) is not None:
            status = await child.exit_status()
            self._children.discard(child)
            if self._stopping.is_set():
                return
            if slot.child is not child:  # A roll has put another in its place.
                continue
            if status == REFUSED and not self._another_works(slot):
                self._give_up()
                return
            wait = FIRST_WAIT if clock() - since > STEADY else wait
            self._warn(f"The {slot.name} ended ({_ending(status)}); another starts in {wait:g} s.")
            if await self._stops_within(wait):
                return
            wait, since = min(wait * 2, LONGEST_WAIT), clock()
            if slot.child is child:
                await self._fill(slot, wait=False)

    def _another_works(self, slot: Slot) -> bool:
        """Whether the site can do without ``slot`` for now: another one does the same."""
        same = [s.child for s in self._slots if s.orders == slot.orders and s is not slot]
        return any(child is not None and child.works for child in same)

    async def _stops_within(self, seconds: float) -> bool:
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self._stopping.wait(), seconds)
        return self._stopping.is_set()

    async def _roll(self) -> None:
        """Replace each child by a new one, one after another, once the new one works."""
        async with self._rolling:
            for slot in self._slots:
                if self._stopping.is_set() or not await self._replace(slot):
                    return

    async def _replace(self, slot: Slot) -> bool:
        new = await Child.start(slot.orders, self._alive)
        self._children.add(new)
        if not await self._ready(new):
            self._children.discard(new)
            self._warn(f"The new {slot.name} could not start; the old processes go on.")
            return False
        old, slot.child = slot.child, new
        if old is not None:
            old.stop()
        return True

    async def _stop_children(self) -> None:
        """Let the children finish for ``GRACE`` seconds, then end those that have not."""
        let_nobody_in(self._listening)
        self._listening.close()
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        children = tuple(self._children)
        for child in children:
            child.stop()
        ended = asyncio.gather(*(child.exit_status() for child in children))
        try:
            await asyncio.wait_for(asyncio.shield(ended), GRACE)
        except TimeoutError:
            self._warn(f"Not everything was finished in {GRACE:g} s; the rest was cut off.")
            for child in children:
                child.kill()
            await ended


def _ending(status: int) -> str:
    return f"by {signal.Signals(-status).name}" if status < 0 else f"with status {status}"
