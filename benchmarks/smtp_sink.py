"""A mail server that takes everything and keeps nothing: ``python -m benchmarks.smtp_sink``.

Its first line of output is ``{"smtp": port, "counts": port}``; whoever connects to the second port
receives what came so far, as one line of JSON.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time


class Sink:
    """Counts messages."""

    def __init__(self) -> None:
        self.taken = 0
        self.first = self.last = 0.0

    async def smtp(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection."""
        writer.write(b"220 sink\r\n")
        try:
            while line := await reader.readline():
                writer.write(await self._answer(line[:4].upper(), reader, writer))
                if line[:4].upper() == b"QUIT":
                    break
        except (ConnectionError, asyncio.IncompleteReadError):
            return  # the client went away: nothing of it is left to do
        finally:
            writer.close()

    async def _answer(
        self, verb: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> bytes:
        if verb == b"EHLO":
            return b"250-sink\r\n250-PIPELINING\r\n250-8BITMIME\r\n250 SMTPUTF8\r\n"
        if verb == b"DATA":
            writer.write(b"354 go on\r\n")
            await reader.readuntil(b"\r\n.\r\n")
            self.taken += 1
            self.last = time.time()
            self.first = self.first or self.last
            return b"250 taken\r\n"
        return b"221 bye\r\n" if verb == b"QUIT" else b"250 ok\r\n"

    async def counts(self, _: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Tell what came."""
        seen = {"taken": self.taken, "first": self.first, "last": self.last}
        writer.write(json.dumps(seen).encode() + b"\n")
        writer.close()


async def main() -> None:
    """Serve until the process is ended."""
    sink = Sink()
    smtp = await asyncio.start_server(sink.smtp, "127.0.0.1", 0, limit=1 << 20)
    counts = await asyncio.start_server(sink.counts, "127.0.0.1", 0)
    ports = {"smtp": smtp, "counts": counts}
    line = json.dumps({n: server.sockets[0].getsockname()[1] for n, server in ports.items()})
    sys.stdout.write(line + "\n")
    sys.stdout.flush()
    await asyncio.gather(smtp.serve_forever(), counts.serve_forever())


if __name__ == "__main__":
    asyncio.run(main())
