"""A bounded load of requests, the fate of each of which is known.

A request has failed when it was handed to a connection and no whole answer came. A connection that
is refused is none: nothing was sent, and a proxy asks elsewhere. A connection kept from an earlier
request may be closed by the server at the very moment at which the next one is written (RFC 9112,
9.3.1 and 9.5): where it ends with not one byte of an answer, a GET is sent once more on a new
connection, as nginx and browsers do. A POST is not: so a load of POSTs uses fresh connections.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, field

#: Seconds after which a request without an answer has failed.
PATIENCE = 60
#: Idle connections that a client keeps at most, as nginx with ``keepalive 32``. A machine that
#: stands still makes hundreds, and a server that stops has a second to tell each of them.
MOST_IDLE = 32


@dataclass
class Fates:
    """What became of the requests: ``answered`` by status, ``refused``, ``failed`` with why.

    ``retried`` counts kept connections that were found closed.
    """

    answered: Counter[int] = field(default_factory=Counter)
    refused: int = 0
    retried: int = 0
    failed: list[str] = field(default_factory=list)

    @property
    def asked(self) -> int:
        """How many requests there were."""
        return sum(self.answered.values()) + self.refused + len(self.failed)


Connection = tuple[asyncio.StreamReader, asyncio.StreamWriter]


class ClosedWithoutAWord(ConnectionError):
    """The connection ended, and nothing of an answer had come."""


@dataclass
class Load:
    """``rate`` requests a second at ``host:port``, each the bytes of ``request``.

    ``keep``: connections are used again, ``MOST_IDLE`` of them at most.
    """

    host: str
    port: int
    request: bytes
    rate: int
    keep: bool
    fates: Fates = field(default_factory=Fates)
    idle: list[Connection] = field(default_factory=list)

    async def run(self, seconds: float) -> Fates:
        """Ask for so long, whether earlier requests are answered yet or not."""
        loop = asyncio.get_running_loop()
        began, tasks = loop.time(), []
        for number in range(int(self.rate * seconds)):
            await asyncio.sleep(max(0.0, began + number / self.rate - loop.time()))
            tasks.append(loop.create_task(self.ask()))
        await asyncio.gather(*tasks)
        for _, writer in self.idle:
            writer.close()
        return self.fates

    async def ask(self) -> None:
        """One request, to its end."""
        try:
            status = await asyncio.wait_for(self._ask_once(), PATIENCE)
        except ConnectionRefusedError:
            self.fates.refused += 1
        except Exception as error:  # whatever it was, the request has failed
            self.fates.failed.append(repr(error))
        else:
            self.fates.answered[status] += 1

    async def _ask_once(self) -> int:
        while self.idle:
            connection = self.idle.pop()
            try:
                return await self._exchange(*connection)
            except (ClosedWithoutAWord, ConnectionResetError, BrokenPipeError):
                connection[1].close()
                self.fates.retried += 1
        return await self._exchange(*await asyncio.open_connection(self.host, self.port))

    async def _exchange(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> int:
        writer.write(self.request)
        try:
            await writer.drain()
            head = await reader.readuntil(b"\r\n\r\n")
        except asyncio.IncompleteReadError as error:
            if error.partial:
                raise
            raise ClosedWithoutAWord from error
        lines = head.decode("latin-1").lower().split("\r\n")
        headers = dict(line.split(": ", 1) for line in lines[1:] if line)
        await reader.readexactly(int(headers.get("content-length", 0)))
        if self.keep and headers.get("connection") != "close" and len(self.idle) < MOST_IDLE:
            self.idle.append((reader, writer))
        else:
            writer.close()
        return int(lines[0].split()[1])
