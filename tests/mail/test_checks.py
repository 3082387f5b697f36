"""What ``doctor`` finds of the mail server: it signs in and names the sender, and sends nothing."""

from __future__ import annotations

import socket
import threading
import time
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any, cast

import pytest

from changemaker_core.config import Config
from changemaker_core.mail import checks
from changemaker_core.settings.fields import fields_of
from changemaker_core.settings.own import MailSettings
from changemaker_core.testing.smtp import Behaviour, SmtpServer

if TYPE_CHECKING:
    from pathlib import Path

    from changemaker_core.diagnostics import Finding


def found(tmp_path: Path, smtp_url: str, mail_from: str = "site@example.org") -> Finding:
    config = Config.for_tests(tmp_path, smtp_url=smtp_url, mail_from=mail_from)
    locked = [f for f in fields_of(MailSettings).values() if f.setting.from_config is not None]
    values = {f.name: f.setting.from_config(getattr(config, f.setting.config)) for f in locked}
    site = SimpleNamespace(
        config=config,
        mail_settings=MailSettings(**values),
        mail_choice=SimpleNamespace(public_only=False, doubt=lambda: None),
    )
    (finding,) = checks.check_mail(cast("Any", site))
    return finding


def test_a_server_that_takes_the_mail(tmp_path: Path, smtp_server: SmtpServer) -> None:
    finding = found(tmp_path, smtp_server.url)
    assert finding.status == "ok"
    assert "takes mail from the sender" in finding.detail
    assert smtp_server.received == []


@pytest.mark.parametrize(
    ("behaviour", "status", "detail"),
    [
        (Behaviour("mail", reply="530 5.7.0 Authentication required"), "error", "530"),
        (Behaviour("mail", reply="553 5.7.1 <site@example.org> not owned"), "error", "553"),
        (Behaviour("mail", reply="451 later"), "warning", "451"),
        (Behaviour("mail", drop=True), "error", "does not respond"),
    ],
)
def test_a_server_that_does_not(
    tmp_path: Path, smtp_server: SmtpServer, behaviour: Behaviour, status: str, detail: str
) -> None:
    smtp_server.always(behaviour)
    finding = found(tmp_path, smtp_server.url)
    assert finding.status == status
    assert detail in finding.detail
    assert finding.fix
    assert "site@example.org" not in finding.detail


def test_a_wrong_password_is_reported_and_not_shown(tmp_path: Path) -> None:
    with SmtpServer(logins={"user": "right"}) as server:
        finding = found(tmp_path, server.url.replace("//", "//user:wr%C3%B6ng%23@"))
        assert (finding.status, "535" in finding.detail) == ("error", True)
        assert not any(part in finding.detail + finding.fix for part in ("wr", "öng", "%23"))
        finding = found(tmp_path, server.url.replace("//", "//user:right@"))
        assert (finding.status, "accepts the password" in finding.detail) == ("ok", True)


def test_a_sender_that_the_server_does_not_support(tmp_path: Path) -> None:
    with SmtpServer(smtputf8=False) as server:
        finding = found(tmp_path, server.url, "zoë@example.org")
    assert (finding.status, "SMTPUTF8" in finding.detail) == ("error", True)


def test_a_server_that_sends_a_byte_now_and_then(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(checks, "DEADLINE", 0.5)
    stop = threading.Event()

    def drip(listening: socket.socket) -> None:
        connection, _ = listening.accept()
        with connection:
            while not stop.wait(0.05):
                connection.sendall(b"2")

    with socket.create_server(("127.0.0.1", 0)) as listening:
        thread = threading.Thread(target=drip, args=(listening,))
        thread.start()
        began = time.monotonic()
        finding = found(tmp_path, f"smtp://127.0.0.1:{listening.getsockname()[1]}")
        took = time.monotonic() - began
        stop.set()
        thread.join()
    assert (finding.status, "did not finish" in finding.detail) == ("error", True)
    assert took < 10 * checks.DEADLINE
