"""Every kind of address: tickets go through, from the relay to a worker."""

from __future__ import annotations

import asyncio
import contextlib
import ssl
import subprocess
import threading
import time
from typing import TYPE_CHECKING, Any

import pytest
from redis.exceptions import AuthenticationError
from redis.exceptions import ConnectionError as ConnectionLost

from changemaker_core.shared.connection import connect, server_version
from changemaker_core.shared.tickets import TicketSender
from changemaker_core.shared.work_horse import TICKET_SECONDS
from changemaker_core.testing.ports import free_port
from tests.bench.certificate import make_certificate
from tests.bench.processes import running, stop, wait_until
from tests.bench.valkey import ValkeyServer

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from tests.bench.jobs_only_site import JobsOnlySite

Fixture = Any


class Parts:
    """Notes go in as jobs and come out as rows."""

    def __init__(self, site: JobsOnlySite, command: Callable[..., list[str]]) -> None:
        self._site = site
        self._command = command
        self._number = 0

    @contextlib.contextmanager
    def working(self, url: str) -> Iterator[None]:
        """A relay and a worker on the server at ``url``, meanwhile."""
        with (
            TicketSender(self._site, url, function="worker_process.drain"),
            running(self._command(url), ready=None) as worker,
        ):
            yield
            assert stop(worker, 10) == 0

    def note_goes_through(self) -> None:
        self._number += 1
        text = str(self._number)
        note = {"number": self._number}
        self._site.db.sync.write(lambda tx: tx.enqueue("test.note", note))
        wait_until(lambda: text in self._notes())

    def _notes(self) -> list[str]:
        rows = self._site.db.sync.write(
            lambda tx: tx.database.execute_sql("SELECT text FROM test_note").fetchall()
        )
        return [text for (text,) in rows]


@pytest.fixture
def parts(ledger: JobsOnlySite, worker_command: Fixture) -> Parts:
    return Parts(ledger, worker_command)


@pytest.mark.parametrize("kind", ["url", "unix_url"])
def test_a_password_over_tcp_and_a_unix_socket(parts: Parts, kind: str) -> None:
    with ValkeyServer(password="p@ss/word") as server:  # the URL has it quoted
        with parts.working(getattr(server, kind)):
            parts.note_goes_through()
        with pytest.raises(AuthenticationError):
            connect(getattr(server, kind).replace("p%40ss", "p%40st")).ping()


def test_tls(parts: Parts, valkey: ValkeyServer, certificate: Path) -> None:
    with tls_in_front_of(valkey.port, certificate) as port:
        url = f"rediss://127.0.0.1:{port}/0"
        with parts.working(f"{url}?ssl_ca_certs={certificate}"):
            parts.note_goes_through()
        with pytest.raises(ConnectionError, match="CERTIFICATE_VERIFY_FAILED"):
            ping(url)


def test_sentinels_name_another_server_when_the_first_is_gone(parts: Parts, tmp_path: Path) -> None:
    with (
        ValkeyServer(password="secret") as first,
        ValkeyServer(
            password="secret",
            options=("--replicaof", f"127.0.0.1 {first.port}", "--primaryauth", "secret"),
        ) as second,
        sentinel(tmp_path, first.port, "secret") as port,
    ):
        url = f"sentinel://:secret@127.0.0.1:1,127.0.0.1:{port}/changemaker/0"
        assert server_version(connect(url)).startswith(("Valkey", "Redis"))
        wait_until(lambda: is_linked(second))
        with parts.working(url):
            parts.note_goes_through()
            first.kill()
            wait_until(lambda: is_primary(second))
            # Past the time of a ticket that a worker had in hand already.
            time.sleep(TICKET_SECONDS)
            parts.note_goes_through()


def is_primary(server: ValkeyServer) -> bool:
    try:
        info: Any = server.client.info("replication")
    except ConnectionLost:  # a server that becomes the primary lets go of its clients
        return False
    return bool(info["role"] == "master")


def is_linked(replica: ValkeyServer) -> bool:
    info: Any = replica.client.info("replication")
    return info["role"] == "slave" and info["master_link_status"] == "up"


def ping(url: str) -> None:
    """Raises Python's own ``ConnectionError``, whose text names the cause."""
    try:
        connect(url).ping()
    except ConnectionLost as error:
        raise ConnectionError(str(error)) from error


@contextlib.contextmanager
def sentinel(folder: Path, port_of_first: int, password: str) -> Iterator[int]:
    """A sentinel that notices after half a second that the server is gone; gives its port."""
    program = ValkeyServer.find()
    assert program is not None
    port = free_port()
    lines = [
        f"port {port}",
        "bind 127.0.0.1",
        f"dir {folder}",
        f"sentinel monitor changemaker 127.0.0.1 {port_of_first} 1",
        f"sentinel auth-pass changemaker {password}",
        "sentinel down-after-milliseconds changemaker 500",
        "sentinel failover-timeout changemaker 3000",
    ]
    config = folder / "sentinel.conf"
    config.write_text("\n".join(lines) + "\n")
    command = [program, str(config), "--sentinel"]
    with running(command, ready=None, stdout=subprocess.DEVNULL):
        client = connect(f"redis://127.0.0.1:{port}")
        wait_until(lambda: responds(client))
        yield port


def responds(client: Any) -> bool:
    """Whether a sentinel knows of the server and its replica."""
    from redis.exceptions import RedisError

    try:
        return bool(client.sentinel_slaves("changemaker"))
    except RedisError:
        return False


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


@contextlib.contextmanager
def tls_in_front_of(port: int, certificate: Path) -> Iterator[int]:
    """What ends TLS and passes everything on to ``port``: the wheel's server has none itself."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    ports: list[int] = []
    ready, loop = threading.Event(), asyncio.new_event_loop()

    async def pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", port)
        await asyncio.gather(copy(reader, inner_writer), copy(inner_reader, writer))

    async def copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        writer.close()

    async def serve() -> None:
        server = await asyncio.start_server(pass_on, "127.0.0.1", 0, ssl=context)
        ports.append(server.sockets[0].getsockname()[1])
        ready.set()
        await stopped.wait()
        server.close()
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    stopped = asyncio.Event()
    thread = threading.Thread(target=loop.run_until_complete, args=(serve(),))
    thread.start()
    try:
        assert ready.wait(10)
        yield ports[0]
    finally:
        loop.call_soon_threadsafe(stopped.set)
        thread.join(10)
        loop.close()
