"""One child process of the supervisor: start, ready, stop."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

from changemaker_core.server.capacity import resident_memory

if TYPE_CHECKING:
    from changemaker_core.server.spec import ProcessSpec


class Child:
    """A running process. Create it with ``await Child.start(spec, alive)``."""

    def __init__(
        self, process: asyncio.subprocess.Process, ready: asyncio.Future[bool], grace: float
    ) -> None:
        self._process = process
        #: Seconds that it gets to end by itself.
        self.grace = grace
        self._ready = ready

    @classmethod
    async def start(cls, spec: ProcessSpec, alive: int) -> Child:
        """Start a process.

        ``alive`` is the reading end of a pipe that only the supervisor can write to. The child gets
        a session of its own, so that Ctrl-C in a terminal reaches the supervisor alone.
        """
        reading, writing = os.pipe()
        shared = [fd for fd in (writing, alive, spec.socket) if fd >= 0]
        try:
            process = await asyncio.create_subprocess_exec(
                *spec.command(ready=writing, alive=alive),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=shared,
                start_new_session=True,
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        return cls(process, _receives_byte(reading), spec.grace)

    async def ready(self) -> bool:
        """Wait until the child is ready. Return False if it ended first."""
        return await asyncio.shield(self._ready)

    @property
    def is_working(self) -> bool:
        """Whether the child has become ready and has not ended since."""
        became_ready = self._ready.done() and self._ready.result()
        return became_ready and self._process.returncode is None

    @property
    def memory(self) -> int | None:
        """Bytes of memory that the child has in use; ``None`` where that is not known."""
        return resident_memory(self._process.pid)

    async def exit_status(self) -> int:
        """Wait for the end of the child. Return its exit status, -N after signal N."""
        return await self._process.wait()

    def stop(self) -> None:
        """Ask the child to finish its current work and end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End the child at once."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            self._process.send_signal(number)


def _receives_byte(reading: int) -> asyncio.Future[bool]:
    """Return whether a byte, rather than end-of-file, comes out of a pipe. Closes the pipe."""
    loop = asyncio.get_running_loop()
    received: asyncio.Future[bool] = loop.create_future()

    def read() -> None:
        loop.remove_reader(reading)
        received.set_result(os.read(reading, 1) != b"")
        os.close(reading)

    loop.add_reader(reading, read)
    return received
