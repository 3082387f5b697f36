"""A real SMTP server for tests, on a thread, which fails on request.

::

    with SmtpServer() as server:
        server.then(Behaviour("rcpt", reply="451 Later"))   # the next message
        ...
        assert server.received[0].recipients == ("mp@example.org",)
"""

from __future__ import annotations

import asyncio
import threading
import time
from collections import deque
from dataclasses import dataclass
from email import message_from_bytes
from email.policy import SMTPUTF8
from typing import TYPE_CHECKING, Any, Literal

from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword

if TYPE_CHECKING:
    import ssl
    from collections.abc import Mapping
    from email.message import EmailMessage

Stage = Literal["mail", "rcpt", "data", "message", "rset"]


@dataclass(frozen=True, slots=True)
class Behaviour:
    """What to do at one stage of a message.

    Stages: ``mail``, ``rcpt``, ``data`` (before 354), ``message`` (its body has arrived) and
    ``rset``, which precedes a message on an open connection.
    ``delay`` seconds pass first. Then it sends ``reply``, or never responds (``hang``), or drops
    the connection (``drop``). ``accept`` says whether a message is recorded; without it, one is
    when the reply is good. ``reply_delay`` seconds pass between recording and the reply.
    """

    stage: Stage
    reply: str | None = None
    delay: float = 0.0
    reply_delay: float = 0.0
    hang: bool = False
    drop: bool = False
    accept: bool | None = None

    @property
    def accepts(self) -> bool:
        """Whether the message is recorded as taken over."""
        if self.accept is not None:
            return self.accept
        return not (self.hang or self.drop) and (self.reply or "250").startswith("2")


@dataclass(frozen=True, slots=True)
class Received:
    """A message that the server accepted."""

    sender: str
    recipients: tuple[str, ...]
    content: bytes
    connection: int
    at: float

    @property
    def email(self) -> EmailMessage:
        """Parsed."""
        return message_from_bytes(self.content, policy=SMTPUTF8)


class SmtpServer:
    """Listens on an ephemeral port while it is entered, of the loopback interface by default."""

    def __init__(
        self,
        *,
        tls: ssl.SSLContext | None = None,
        implicit_tls: bool = False,
        logins: Mapping[str, str] | None = None,
        smtputf8: bool = True,
        pipelining: bool = True,
        host: str = "127.0.0.1",
    ) -> None:
        self.host = host
        self.received: list[Received] = []
        self.connections = 0
        self.logins = dict(logins or {})
        self.tls = tls
        self.implicit_tls = implicit_tls
        self.smtputf8 = smtputf8
        self.pipelining = pipelining
        self.port = 0
        self._in_order: deque[tuple[Behaviour, ...]] = deque()
        self._by_recipient: dict[str, tuple[Behaviour, ...]] = {}
        self._always: tuple[Behaviour, ...] = ()
        self._open: set[_Conversation] = set()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread = threading.Thread(target=self._run, name="smtp-server", daemon=True)
        self._listening = threading.Event()
        self._stop = asyncio.Event()

    def __enter__(self) -> SmtpServer:
        self._thread.start()
        if not self._listening.wait(10):
            raise TimeoutError("the SMTP server did not start")
        return self

    def __exit__(self, *_: object) -> None:
        self._running.call_soon_threadsafe(self._stop.set)
        self._thread.join(10)

    @property
    def url(self) -> str:
        """As ``smtp_url`` names it."""
        return f"smtp{'s' if self.implicit_tls else ''}://127.0.0.1:{self.port}"

    def then(self, *behaviours: Behaviour) -> None:
        """Behave so for one message: the next for which nothing was said yet."""
        self._in_order.append(behaviours)

    def for_recipient(self, email: str, *behaviours: Behaviour) -> None:
        """Behave so for each message to this address, from RCPT on."""
        self._by_recipient[email] = behaviours

    def always(self, *behaviours: Behaviour) -> None:
        """Behave so where nothing else was said."""
        self._always = behaviours

    def drop_connections(self) -> None:
        """Close every open connection without a word, and wait until it is done."""
        asyncio.run_coroutine_threadsafe(self._drop_all(), self._running).result(10)

    def plan(self) -> tuple[Behaviour, ...]:
        """For the message that begins now."""
        return self._in_order.popleft() if self._in_order else self._always

    def plan_for(self, recipient: str, plan: tuple[Behaviour, ...]) -> tuple[Behaviour, ...]:
        """For the message to this recipient, which began with ``plan``."""
        return self._by_recipient.get(recipient, plan)

    def plan_for_rset(self) -> tuple[Behaviour, ...]:
        """RSET precedes a message, so that its behaviour is the next one's, if any names it."""
        coming = self._in_order[0] if self._in_order else self._always
        return self._in_order.popleft() if _at("rset", coming) and self._in_order else coming

    def record(self, message: Received) -> None:
        """Keep an accepted message."""
        self.received.append(message)

    def joined(self, conversation: _Conversation) -> int:
        """A connection was made; its number."""
        self.connections += 1
        self._open.add(conversation)
        return self.connections

    def left(self, conversation: _Conversation) -> None:
        """A connection is gone."""
        self._open.discard(conversation)

    async def serve(self, port: int = 0) -> None:
        """Listen until ``_stop`` is set."""
        self._loop = loop = asyncio.get_running_loop()
        listener = await loop.create_server(
            lambda: _Conversation(self, loop),
            self.host,
            port,
            ssl=self.tls if self.implicit_tls else None,
        )
        self.port = listener.sockets[0].getsockname()[1]
        self._listening.set()
        await self._stop.wait()
        listener.close()
        await self._drop_all()

    @property
    def _running(self) -> asyncio.AbstractEventLoop:
        if self._loop is None:
            raise RuntimeError("the SMTP server is not running")
        return self._loop

    def _run(self) -> None:
        asyncio.run(self.serve())

    async def _drop_all(self) -> None:
        for conversation in tuple(self._open):
            conversation.drop()
        while self._open:
            await asyncio.sleep(0.001)


class _Conversation(SMTP):
    """One connection."""

    def __init__(self, server: SmtpServer, loop: asyncio.AbstractEventLoop) -> None:
        self._server = server
        self._plan: tuple[Behaviour, ...] = ()
        self._number = 0
        starttls = server.tls is not None and not server.implicit_tls
        super().__init__(
            self,
            hostname="smtp.test",
            enable_SMTPUTF8=server.smtputf8,
            tls_context=server.tls if starttls else None,
            authenticator=self._check if server.logins else None,
            auth_require_tls=starttls,
            command_call_limit=100_000,
            loop=loop,
        )

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if not self._number:  # STARTTLS makes the connection a second time
            self._number = self._server.joined(self)

    def connection_lost(self, error: Exception | None) -> None:
        super().connection_lost(error)
        self._server.left(self)

    def drop(self) -> None:
        """Close without a word."""
        if self.transport is not None:
            self.transport.abort()  # type: ignore[attr-defined]  # declared as its base class

    async def handle_EHLO(
        self, server: SMTP, session: Any, envelope: Any, hostname: str, responses: list[str]
    ) -> list[str]:
        session.host_name = hostname
        offered = ["250-PIPELINING"] if self._server.pipelining else []
        return [*responses[:-1], *offered, responses[-1]]

    async def smtp_RSET(self, arg: str) -> None:
        if await self._behave("rset", self._server.plan_for_rset()):
            await super().smtp_RSET(arg)

    async def smtp_MAIL(self, arg: str) -> None:
        if self._server.logins and not (self.session and self.session.authenticated):
            await self.push("530 Authentication required")
            return
        self._plan = self._server.plan()
        if await self._behave("mail", self._plan):
            await super().smtp_MAIL(arg)

    async def smtp_RCPT(self, arg: str) -> None:
        recipient = arg.partition(":")[2].strip().strip("<>")
        self._plan = self._server.plan_for(recipient, self._plan)
        if await self._behave("rcpt", self._plan):
            await super().smtp_RCPT(arg)

    async def smtp_DATA(self, arg: str) -> None:
        if await self._behave("data", self._plan):
            await super().smtp_DATA(arg)

    async def handle_DATA(self, server: SMTP, session: Any, envelope: Any) -> str:
        behaviour = _at("message", self._plan) or Behaviour("message")
        await asyncio.sleep(behaviour.delay)
        if behaviour.accepts:
            self._server.record(self._received(envelope))
        await asyncio.sleep(behaviour.reply_delay)
        await self._without_answer(behaviour)
        return behaviour.reply or "250 OK"

    def _received(self, envelope: Any) -> Received:
        return Received(
            sender=envelope.mail_from,
            recipients=tuple(envelope.rcpt_tos),
            content=envelope.original_content,
            connection=self._number,
            at=time.time(),
        )

    async def _behave(self, stage: Stage, plan: tuple[Behaviour, ...]) -> bool:
        """Follow the plan at this stage; return whether the usual reply is still to be sent."""
        behaviour = _at(stage, plan)
        if behaviour is None:
            return True
        await asyncio.sleep(behaviour.delay)
        await self._without_answer(behaviour)
        if behaviour.reply is None:
            return True
        await self.push(behaviour.reply)
        return False

    async def _without_answer(self, behaviour: Behaviour) -> None:
        """Drop, or hang until the connection is gone, which cancels this task."""
        if behaviour.drop:
            self.drop()
        if behaviour.drop or behaviour.hang:
            await asyncio.Event().wait()

    def _check(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> Any:
        known = isinstance(data, LoginPassword) and self._server.logins.get(
            data.login.decode()
        ) == (data.password.decode())
        return AuthResult(success=known, handled=False)


def _at(stage: Stage, plan: tuple[Behaviour, ...]) -> Behaviour | None:
    return next((behaviour for behaviour in plan if behaviour.stage == stage), None)
