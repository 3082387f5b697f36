"""One child process of the supervisor: started, heard when it is ready, ended."""

from __future__ import annotations

import asyncio
import os
import signal
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from changemaker_core.server.orders import Orders


class Child:
    """A running process. Made with ``await Child.start(orders, alive)``."""

    def __init__(self, process: asyncio.subprocess.Process, ready: asyncio.Future[bool]) -> None:
        self._process = process
        self._ready = ready

    @classmethod
    async def start(cls, orders: Orders, alive: int) -> Child:
        """Start a process under ``orders``.

        ``alive`` is the reading end of a pipe that only the supervisor can write to. The child gets
        a session of its own, so that Ctrl-C in a terminal reaches the supervisor alone.
        """
        reading, writing = os.pipe()
        shared = [fd for fd in (writing, alive, orders.socket) if fd >= 0]
        try:
            process = await asyncio.create_subprocess_exec(
                *orders.command(ready=writing, alive=alive),
                stdin=asyncio.subprocess.DEVNULL,
                pass_fds=shared,
                start_new_session=True,
            )
        except BaseException:
            os.close(reading)
            raise
        finally:
            os.close(writing)
        return cls(process, _heard(reading))

    async def ready(self) -> bool:
        """Whether it began to work: True once it says so, False if it ended first."""
        return await asyncio.shield(self._ready)

    @property
    def works(self) -> bool:
        """Whether it said that it is ready, and has not ended since."""
        said = self._ready.done() and self._ready.result()
        return said and self._process.returncode is None

    async def exit_status(self) -> int:
        """Its exit status once it has ended; negative where a signal ended it."""
        return await self._process.wait()

    def stop(self) -> None:
        """Ask it to finish what it is doing and end."""
        self._signal(signal.SIGTERM)

    def kill(self) -> None:
        """End it at once."""
        self._signal(signal.SIGKILL)

    def _signal(self, number: signal.Signals) -> None:
        if self._process.returncode is None:
            self._process.send_signal(number)


def _heard(reading: int) -> asyncio.Future[bool]:
    """Whether a byte, rather than the end, comes out of a pipe. Closes the pipe."""
    loop = asyncio.get_running_loop()
    heard: asyncio.Future[bool] = loop.create_future()

    def read() -> None:
        loop.remove_reader(reading)
        heard.set_result(os.read(reading, 1) != b"")
        os.close(reading)

    loop.add_reader(reading, read)
    return heard
