from __future__ import annotations

import contextlib
import math
import smtplib
import socket
import ssl
import threading
import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

import pytest

from changemaker_core.config import Secret
from changemaker_core.config.smtp_url import SmtpUrl
from changemaker_core.mail import Address, DeliveryUnknown, Refused, SmtpTransport, smtp
from changemaker_core.mail.smtp_connection import SmtpOptions
from changemaker_core.mail.timed_smtp import TimedSMTP
from changemaker_core.testing.smtp import Behaviour, SmtpServer
from tests.bench.certificate import make_certificate

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

    from changemaker_core.mail import Message

SHORT_TIMEOUTS = SmtpOptions(
    command_timeout=timedelta(seconds=0.4), message_timeout=timedelta(seconds=0.4)
)


@pytest.fixture(params=[True, False], ids=["pipelining", "one-by-one"])
def smtp_server(request: pytest.FixtureRequest) -> Iterator[SmtpServer]:
    with SmtpServer(pipelining=request.param) as server:
        yield server


@pytest.fixture
def transport(smtp_server: SmtpServer, site_address: Address) -> Iterator[SmtpTransport]:
    transport = SmtpTransport(SmtpUrl.parse(smtp_server.url), site_address, options=SHORT_TIMEOUTS)
    yield transport
    transport.close()


def send(transport: SmtpTransport, message: Message) -> None:
    with transport.session() as session:
        session.send_envelope(message)
        session.send_data()


def test_a_message_arrives_complete(
    smtp_server: SmtpServer, transport: SmtpTransport, message: Callable[..., Message]
) -> None:
    text = ".\n..\n.a dot begins a line\nFrom here on\n" + "x" * 2000 + "\néà\n"
    send(transport, message(text=text, reply_to=Address("Zoë", "zoe@example.org")))
    (received,) = smtp_server.received
    assert received.sender == "site@example.org"
    assert received.recipients == ("mina@example.org",)
    assert received.email["Reply-To"].addresses[0].display_name == "Zoë"
    assert received.email.get_content().replace("\r\n", "\n") == text


def test_a_message_of_a_megabyte(
    smtp_server: SmtpServer, site_address: Address, message: Callable[..., Message]
) -> None:
    transport = SmtpTransport(SmtpUrl.parse(smtp_server.url), site_address)
    text = "Ünïcode words, over and over.\n" * 35_000
    send(transport, message(text=text))
    assert smtp_server.received[0].email.get_content().replace("\r\n", "\n") == text
    transport.close()


def test_no_message_is_sent_with_the_envelope(
    smtp_server: SmtpServer, transport: SmtpTransport, message: Callable[..., Message]
) -> None:
    with transport.session() as session:
        session.send_envelope(message())
        assert smtp_server.received == []
        session.send_envelope(message(to=Address("", "other@example.org")))
        session.send_data()
        with pytest.raises(RuntimeError):
            session.send_data()
    assert [mail.recipients for mail in smtp_server.received] == [("other@example.org",)]


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data", "message"])
@pytest.mark.parametrize(("code", "temporary"), [(451, True), (550, False), (421, True)])
def test_a_refusal_is_certain_at_each_stage(
    smtp_server: SmtpServer,
    transport: SmtpTransport,
    message: Callable[..., Message],
    stage: str,
    code: int,
    temporary: bool,
) -> None:
    smtp_server.then(Behaviour(stage, reply=f"{code} Not today"))
    with pytest.raises(Refused) as refused:
        send(transport, message())
    of_site = (stage, code) == ("mail", 550)  # the server does not accept this sender at all
    assert (refused.value.code, refused.value.of_site) == (code, of_site)
    assert refused.value.temporary == (temporary or of_site)
    assert "Not today" in refused.value.text
    assert smtp_server.received == []
    send(transport, message())  # the next message does not suffer
    assert len(smtp_server.received) == 1


@pytest.mark.parametrize("stage", ["mail", "rcpt", "data"])
@pytest.mark.parametrize("trouble", [{"hang": True}, {"drop": True}])
def test_a_timeout_before_the_message_is_certain(
    smtp_server: SmtpServer,
    transport: SmtpTransport,
    message: Callable[..., Message],
    stage: str,
    trouble: dict[str, bool],
) -> None:
    smtp_server.then(Behaviour(stage, **trouble))
    with pytest.raises(Refused) as refused:
        send(transport, message())
    assert refused.value.temporary
    send(transport, message())
    assert len(smtp_server.received) == 1


@pytest.mark.parametrize("trouble", [{"hang": True}, {"drop": True}, {"reply": "300 Hm"}])
@pytest.mark.parametrize("accept", [True, False])
def test_a_timeout_after_the_message_is_not(
    smtp_server: SmtpServer,
    transport: SmtpTransport,
    message: Callable[..., Message],
    trouble: dict[str, bool | str],
    accept: bool,
) -> None:
    smtp_server.then(Behaviour("message", accept=accept, **trouble))
    with pytest.raises(DeliveryUnknown):
        send(transport, message())
    assert len(smtp_server.received) == int(accept)
    send(transport, message())
    assert len(smtp_server.received) == 1 + int(accept)


def test_pipelined_commands_are_sent_at_once(
    site_address: Address, message: Callable[..., Message]
) -> None:
    """This server replies only once it has all of MAIL and RCPT."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        server = threading.Thread(target=_reply_at_rcpt, args=(listening,))
        server.start()
        host, port = listening.getsockname()
        url = SmtpUrl.parse(f"smtp://{host}:{port}")
        transport = SmtpTransport(url, site_address, options=SHORT_TIMEOUTS)
        with pytest.raises(Refused, match="No such user"), transport.session() as session:
            session.send_envelope(message())
        transport.close()
        server.join()


def _reply_at_rcpt(listening: socket.socket) -> None:
    connection, _ = listening.accept()
    with connection, connection.makefile("rwb", buffering=0) as lines:
        lines.write(b"220 hello\r\n")
        lines.readline()  # EHLO
        lines.write(b"250-hello\r\n250 PIPELINING\r\n")
        while not lines.readline().startswith(b"RCPT"):
            pass
        lines.write(b"250 Sender\r\n550 No such user\r\n")
        while lines.readline():
            pass


def test_connections_are_reused(
    smtp_server: SmtpServer, transport: SmtpTransport, message: Callable[..., Message]
) -> None:
    for _ in range(3):
        send(transport, message())
    smtp_server.then(Behaviour("rcpt", reply="550 Unknown"))
    with pytest.raises(Refused):
        send(transport, message())
    send(transport, message())
    assert len(smtp_server.received) == 4
    assert smtp_server.connections == 1


def test_each_thread_has_its_own_connection(
    smtp_server: SmtpServer, site_address: Address, message: Callable[..., Message]
) -> None:
    transport = SmtpTransport(SmtpUrl.parse(smtp_server.url), site_address)
    smtp_server.always(Behaviour("message", delay=0.05))
    threads = [threading.Thread(target=send, args=(transport, message())) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(smtp_server.received) == 4
    assert 1 <= smtp_server.connections <= 4
    transport.close()


def test_a_connection_lost_between_messages_is_replaced(
    smtp_server: SmtpServer, transport: SmtpTransport, message: Callable[..., Message]
) -> None:
    send(transport, message())
    smtp_server.drop_connections()
    send(transport, message())
    assert (len(smtp_server.received), smtp_server.connections) == (2, 2)


@pytest.mark.parametrize(
    "trouble", [{"drop": True}, {"reply": "421 Too many messages"}, {"hang": True}]
)
@pytest.mark.parametrize("stage", ["rset", "mail"])
def test_an_idle_connection_that_the_server_closed_is_replaced(
    smtp_server: SmtpServer,
    transport: SmtpTransport,
    message: Callable[..., Message],
    stage: str,
    trouble: dict[str, bool | str],
) -> None:
    send(transport, message())
    smtp_server.then(Behaviour(stage, **trouble))
    send(transport, message())
    assert (len(smtp_server.received), smtp_server.connections) == (2, 2)


def test_a_connection_lost_before_data_is_certain(
    smtp_server: SmtpServer, transport: SmtpTransport, message: Callable[..., Message]
) -> None:
    with transport.session() as session:
        session.send_envelope(message())
        smtp_server.drop_connections()
        with pytest.raises(Refused) as refused:
            session.send_data()
    assert refused.value.temporary


def test_a_connection_is_replaced_after_max_messages(
    smtp_server: SmtpServer, site_address: Address, message: Callable[..., Message]
) -> None:
    transport = SmtpTransport(
        SmtpUrl.parse(smtp_server.url), site_address, options=SmtpOptions(max_messages=2)
    )
    for _ in range(5):
        send(transport, message())
    assert smtp_server.connections == 3
    transport.close()


def test_an_unfinished_message_is_reset_before_the_next(
    smtp_server: SmtpServer, transport: SmtpTransport, message: Callable[..., Message]
) -> None:
    with transport.session() as session:
        session.send_envelope(message(to=Address("", "never@example.org")))
    send(transport, message())
    assert [mail.recipients for mail in smtp_server.received] == [("mina@example.org",)]


def test_no_server_is_a_temporary_refusal(
    site_address: Address, message: Callable[..., Message]
) -> None:
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        url = f"smtp://127.0.0.1:{unused.getsockname()[1]}"
        with pytest.raises(Refused) as refused:
            send(SmtpTransport(SmtpUrl.parse(url), site_address), message())
    assert refused.value.temporary


def test_addresses_of_other_alphabets(
    smtp_server: SmtpServer, transport: SmtpTransport, message: Callable[..., Message]
) -> None:
    send(transport, message(to=Address("", "marie@québec.example")))
    send(transport, message(to=Address("Zoë", "zoë@québec.example")))
    assert [mail.recipients for mail in smtp_server.received] == [
        ("marie@xn--qubec-csa.example",),
        ("zoë@xn--qubec-csa.example",),
    ]


@pytest.mark.parametrize(
    ("mail_from", "to", "of_site"),
    [
        ("site@example.org", "zoë@example.org", False),
        ("zoë@example.org", "mina@example.org", True),
        ("zoë@example.org", "zoë@example.org", True),
    ],
)
def test_a_server_without_smtputf8_refuses_them(
    message: Callable[..., Message], mail_from: str, to: str, of_site: bool
) -> None:
    with SmtpServer(smtputf8=False) as server:
        transport = SmtpTransport(SmtpUrl.parse(server.url), Address("", mail_from))
        with pytest.raises(Refused, match="SMTPUTF8") as refused:
            send(transport, message(to=Address("", to)))
        assert (refused.value.temporary, refused.value.of_site) == (of_site, of_site)
        transport.close()


@pytest.mark.parametrize("smtputf8", [True, False])
def test_a_reply_address_that_the_server_does_not_support_is_left_out(
    message: Callable[..., Message], site_address: Address, smtputf8: bool
) -> None:
    """One letter after another, so that the open connection knows it too."""
    with SmtpServer(smtputf8=smtputf8) as server:
        transport = SmtpTransport(SmtpUrl.parse(server.url), site_address)
        for reply_to in ("zoë@example.org", "sam@example.org", "zoë@example.org"):
            send(transport, message(reply_to=Address("Zoë", reply_to)))
        transport.close()
    found = [mail.email["Reply-To"] for mail in server.received]
    assert [address is not None for address in found] == [smtputf8, True, smtputf8]
    assert "sam@example.org" in found[1]


def test_a_sites_own_address_may_be_of_another_alphabet(
    smtp_server: SmtpServer, message: Callable[..., Message]
) -> None:
    transport = SmtpTransport(SmtpUrl.parse(smtp_server.url), Address("", "zoë@example.org"))
    send(transport, message())
    assert [mail.sender for mail in smtp_server.received] == ["zoë@example.org"]
    transport.close()


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_certificate(tmp_path_factory.mktemp("tls"))


def tls_server(certificate: Path, **options: object) -> SmtpServer:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return SmtpServer(tls=context, **options)


@pytest.mark.parametrize("implicit", [True, False])
def test_a_password_is_sent_over_tls(
    certificate: Path, site_address: Address, message: Callable[..., Message], implicit: bool
) -> None:
    with tls_server(certificate, implicit_tls=implicit, logins={"us@er": "p/w"}) as server:
        url = server.url.replace("//", "//us%40er:p%2Fw@")
        trusted = ssl.create_default_context(cafile=str(certificate))
        transport = SmtpTransport(SmtpUrl.parse(url), site_address, tls=trusted)
        send(transport, message())
        assert len(server.received) == 1
        transport.close()


@pytest.mark.parametrize(("user", "password"), [("us@er", "pässwörd"), ("ü", "p")])
def test_a_password_of_any_alphabet(
    certificate: Path,
    site_address: Address,
    message: Callable[..., Message],
    user: str,
    password: str,
) -> None:
    with tls_server(certificate, logins={user: password}) as server:
        for given in (password, password + "ß"):
            url = server.url.replace("//", f"//{quote(user)}:{quote(given)}@")
            trusted = ssl.create_default_context(cafile=str(certificate))
            transport = SmtpTransport(SmtpUrl.parse(url), site_address, tls=trusted)
            if given == password:
                send(transport, message())
            else:
                with pytest.raises(Refused, match="535") as refused:
                    send(transport, message())
                assert refused.value.temporary
            transport.close()
        assert len(server.received) == 1


@pytest.mark.parametrize("implicit", [True, False])
def test_an_untrusted_certificate_is_refused(
    certificate: Path, site_address: Address, message: Callable[..., Message], implicit: bool
) -> None:
    with tls_server(certificate, implicit_tls=implicit) as server:
        transport = SmtpTransport(SmtpUrl.parse(server.url), site_address)
        with pytest.raises(Refused, match="certificate verify failed") as refused:
            send(transport, message())
        assert refused.value.temporary
        assert server.received == []


def test_required_tls_that_the_server_lacks(
    smtp_server: SmtpServer, site_address: Address, message: Callable[..., Message]
) -> None:
    server = SmtpUrl.parse(f"{smtp_server.url}?starttls=required")
    with pytest.raises(Refused, match="STARTTLS"):
        send(SmtpTransport(server, site_address), message())


def test_a_wrong_password_is_a_temporary_refusal(
    certificate: Path, site_address: Address, message: Callable[..., Message]
) -> None:
    with tls_server(certificate, logins={"user": "right"}) as server:
        url = server.url.replace("//", "//user:wrong@")
        trusted = ssl.create_default_context(cafile=str(certificate))
        with pytest.raises(Refused) as refused:
            send(SmtpTransport(SmtpUrl.parse(url), site_address, tls=trusted), message())
        assert (refused.value.code, refused.value.temporary) == (535, True)


def test_parts_of_an_smtp_url() -> None:
    assert SmtpUrl.parse("smtp://mail.example.org") == SmtpUrl(host="mail.example.org", port=25)
    assert SmtpUrl.parse("smtps://u:p@mail.example.org") == SmtpUrl(
        host="mail.example.org", port=465, security="tls", user="u", password=Secret("p")
    )
    assert SmtpUrl.parse("smtp://u:p@[::1]?starttls=never") == SmtpUrl(
        host="::1", port=587, security="never", user="u", password=Secret("p")
    )


@pytest.mark.parametrize(
    "url",
    [
        "mail.example.org:25",
        "http://x",
        "smtp://",
        "smtp://x?starttls=maybe",
        "smtp://x?tls=1",
        "smtp://x:y",
    ],
)
def test_invalid_smtp_urls(url: str) -> None:
    with pytest.raises(ValueError):
        SmtpUrl.parse(url)


def test_is_local() -> None:
    assert SmtpUrl.parse("smtp://u:p@127.0.0.1").is_local
    assert SmtpUrl.parse("smtp://u:p@localhost").is_local
    assert not SmtpUrl.parse("smtp://u:p@192.0.2.1").is_local
    assert not SmtpUrl.parse("smtp://u:p@mail.example.org").is_local


def test_a_server_that_closes_a_connection_too_many_can_be_reached(
    site_address: Address, message: Callable[..., Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where none succeeds any more it is away, as it is where nothing listens or nothing comes."""
    with SmtpServer() as server:
        transport = SmtpTransport(SmtpUrl.parse(server.url), site_address, options=SHORT_TIMEOUTS)
        send(transport, message())
        transport.close()

    def refused() -> Refused:
        with pytest.raises(Refused) as error:
            send(transport, message())
        assert error.value.temporary
        assert error.value.of_site is error.value.is_unreachable
        return error.value

    assert refused().is_unreachable
    with socket.create_server(("127.0.0.1", 0)) as listening:
        transport.server = SmtpUrl.parse(f"smtp://127.0.0.1:{listening.getsockname()[1]}")
        assert refused().is_unreachable  # it hangs
        listening.accept()[0].close()

        def close_all() -> None:
            with contextlib.suppress(OSError):
                while True:
                    listening.accept()[0].close()

        threading.Thread(target=close_all, daemon=True).start()
        assert not refused().is_unreachable
        monkeypatch.setattr(smtp, "REACHED_SECONDS", 0.0)
        assert refused().is_unreachable
        listening.shutdown(socket.SHUT_RDWR)


REPLIES = {b"EHLO": b"250-d\r\n250 OK\r\n", b"MAIL": b"250 OK\r\n", b"RCPT": b"250 OK\r\n"}


@pytest.fixture
def dripping_server() -> Iterator[Callable[[bytes], SmtpUrl]]:
    """``dripping_server(b"MAIL")`` sends its reply to that a byte at a time, and never to its
    end; ``b""`` is the greeting."""
    stop = threading.Event()

    def talk(listening: socket.socket, at: bytes) -> None:
        connection, _ = listening.accept()
        with connection, connection.makefile("rb") as lines, contextlib.suppress(OSError):
            command = b""
            while command != at:
                connection.sendall(
                    REPLIES.get(command, b"220 d\r\n" if not command else b"354 go\r\n")
                )
                command = next(lines)[:4].upper()
            while not stop.wait(0.02):
                connection.sendall(b"250-" if at == b"DATA" else b"2")

    with contextlib.ExitStack() as stack:

        def start(at: bytes) -> SmtpUrl:
            listening = stack.enter_context(socket.create_server(("127.0.0.1", 0)))
            thread = threading.Thread(target=talk, args=(listening, at))
            stack.callback(thread.join)
            stack.callback(stop.set)
            thread.start()
            return SmtpUrl.parse(f"smtp://127.0.0.1:{listening.getsockname()[1]}")

        yield start


@pytest.mark.parametrize("stage", [b"", b"EHLO", b"MAIL", b"RCPT", b"DATA"])
def test_a_server_that_drips_is_given_up(
    dripping_server: Callable[[bytes], SmtpUrl],
    site_address: Address,
    message: Callable[..., Message],
    stage: bytes,
) -> None:
    """Its time is for the whole reply: else a byte now and then keeps the job for ever."""
    transport = SmtpTransport(dripping_server(stage), site_address, options=SHORT_TIMEOUTS)
    with pytest.raises(Refused) as refused:
        send(transport, message())
    assert (refused.value.temporary, refused.value.code) == (True, 0)
    assert refused.value.is_unreachable


def test_a_text_is_sent_until_its_deadline(monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that reads a record of TLS now and then keeps no job."""
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)

    class Socket:
        def gettimeout(self) -> float:
            return 20.0

        def settimeout(self, seconds: float) -> None:
            assert 0 < seconds <= 20

        def send(self, left: memoryview) -> int:
            nonlocal now
            now += 6
            return 16_384

        def close(self) -> None:
            pass

    smtp: Any = object.__new__(TimedSMTP)
    smtp.sock, smtp.file, smtp.deadline = Socket(), None, math.inf
    smtp.send(b"x" * 50_000)
    with pytest.raises(smtplib.SMTPServerDisconnected, match="sending took too long"):
        smtp.send(b"x" * 80_000)
    assert smtp.sock is None


def test_all_replies_before_the_message_have_one_deadline(
    smtp_server: SmtpServer, site_address: Address, message: Callable[..., Message]
) -> None:
    options = SmtpOptions(envelope_timeout=timedelta(seconds=0.4))
    transport = SmtpTransport(SmtpUrl.parse(smtp_server.url), site_address, options=options)
    slow = [Behaviour(stage, delay=0.3) for stage in ("mail", "rcpt")]
    smtp_server.then(*slow)
    with pytest.raises(Refused, match=r"took too long|timed out"):
        send(transport, message())
    assert smtp_server.received == []
    send(transport, message())
    transport.close()


def test_a_reply_without_end_is_given_up(
    monkeypatch: pytest.MonkeyPatch,
    smtp_server: SmtpServer,
    transport: SmtpTransport,
    message: Callable[..., Message],
) -> None:
    monkeypatch.setattr("changemaker_core.mail.timed_smtp.LONGEST_REPLY", 10_000)
    endless = "\r\n".join(["250-go on"] * 3_000)
    smtp_server.then(Behaviour("mail", reply=endless))
    with pytest.raises(Refused, match="longer than 10,000 bytes"):
        send(transport, message())
