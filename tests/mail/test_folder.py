from __future__ import annotations

import threading
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

import pytest

from changemaker_core.mail import (
    Address,
    FolderTransport,
    Refused,
    SmtpTransport,
    folder,
)

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from changemaker_core.mail import Message


@pytest.fixture
def transport(tmp_path: Path, site_address: Address) -> FolderTransport:
    return FolderTransport(tmp_path / "mail", site_address)


def test_messages_are_listed_newest_first_and_read(
    transport: FolderTransport, message: Callable[..., Message]
) -> None:
    with transport.session() as session:
        for subject in ("one", "deux é"):
            session.send_envelope(message(subject=subject))
            session.send_data()
    newest, oldest = transport.messages()
    assert (newest.subject, oldest.subject) == ("deux é", "one")
    assert newest.to == "Mina Example <mina@example.org>"
    assert newest.sent_at >= oldest.sent_at
    assert transport.read(newest.id)["From"] == "Changemaker <site@example.org>"
    assert [mail.id for mail in transport.messages(limit=1, offset=1)] == [oldest.id]


def test_messages_of_a_clock_that_goes_back_are_in_order_of_sending(
    transport: FolderTransport, message: Callable[..., Message], monkeypatch: pytest.MonkeyPatch
) -> None:
    class Back(datetime):
        left = 3

        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:
            cls.left -= 1
            return datetime(2026, 5, 1 + cls.left, tzinfo=tz)

    monkeypatch.setattr(folder, "datetime", Back)
    for number in range(3):
        transport.store(message(subject=f"{number}").as_bytes(transport.mail_from))
    assert [mail.subject for mail in transport.messages()] == ["2", "1", "0"]


def test_nothing_is_written_with_the_envelope(
    transport: FolderTransport, message: Callable[..., Message]
) -> None:
    with transport.session() as session:
        session.send_envelope(message())
        assert transport.messages() == []
        session.send_data()
        with pytest.raises(RuntimeError):
            session.send_data()
    assert len(transport.messages()) == 1


@pytest.mark.parametrize(
    "mail_id", ["../../etc/passwd", "", "20260101T000000000000Z-00000000", "x/../y"]
)
def test_only_mail_is_read(transport: FolderTransport, mail_id: str) -> None:
    with pytest.raises(KeyError):
        transport.read(mail_id)


def test_an_unwritable_folder_is_a_temporary_refusal(
    tmp_path: Path, site_address: Address, message: Callable[..., Message]
) -> None:
    (tmp_path / "mail").write_text("a file where the folder should be")
    transport = FolderTransport(tmp_path / "mail", site_address)
    with transport.session() as session:
        session.send_envelope(message())
        with pytest.raises(Refused) as refused:
            session.send_data()
    assert refused.value.temporary


def test_concurrent_writers(transport: FolderTransport, message: Callable[..., Message]) -> None:
    def write() -> None:
        with transport.session() as session:
            for _ in range(20):
                session.send_envelope(message())
                session.send_data()

    threads = [threading.Thread(target=write) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(transport.messages()) == 80
    assert not list(transport.folder.glob("*.part"))


def test_which_transport_a_site_uses(make_site: Any) -> None:
    assert isinstance(make_site(mail_from="a@example.org").mail, FolderTransport)
    smtp = make_site(smtp_url="smtp://mail.example.org", mail_from="Site <a@example.org>").mail
    assert isinstance(smtp, SmtpTransport)
    assert smtp.mail_from == Address("Site", "a@example.org")
