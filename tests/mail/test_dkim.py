"""Signatures of mail, verified by another implementation (dkimpy)."""

from __future__ import annotations

import json
import re
import stat
from typing import TYPE_CHECKING

import dkim
import pytest
from click.testing import CliRunner
from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
)
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core.cli import main
from changemaker_core.config import Config, ConfigError
from changemaker_core.config.dkim_key import load_key, new_key, record_value
from changemaker_core.config.smtp_url import SmtpUrl
from changemaker_core.mail import Address, Message, SmtpTransport
from changemaker_core.mail.dkim import DkimSigner

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from click.testing import Result

    from changemaker_core.testing.smtp import SmtpServer

KEY = generate_private_key(public_exponent=65537, key_size=2048)
SIGNER = DkimSigner("cm", KEY)
SITE = Address("Changemaker", "site@parks.ca")
#: Bodies and subjects with what relaxed canonicalization changes, far more often.
tricky = st.lists(
    st.sampled_from(
        [" ", "  ", "\t", "\n", "\r\n", "\n\n", ".", "é", "=", "a", "word " * 30, "\\"]
    ),
    max_size=40,
).map("".join)
line = tricky.map(lambda text: " ".join(text.split()))


def verifies(raw: bytes) -> bool:
    def record(name: bytes, **_: object) -> bytes:
        assert name == b"cm._domainkey.parks.ca."
        return record_value(KEY).encode()

    return bool(dkim.verify(raw, dnsfunc=record))


@given(subject=line, text=tricky, html=st.none() | tricky, name=line, header=line)
def test_every_message_verifies(
    subject: str, text: str, html: str | None, name: str, header: str
) -> None:
    message = Message(
        to=Address("", "mina@example.org"),
        subject=subject,
        text=text,
        html=html,
        reply_to=Address(name, "writer@example.org"),
        headers={"List-Unsubscribe": "<https://parks.ca/u>", "X-Line": header},
    )
    signed = SIGNER.sign(message.as_bytes(SITE), "parks.ca")
    assert verifies(signed)
    assert all(len(each) <= 998 for each in signed.split(b"\r\n"))


def signed_letter() -> bytes:
    message = Message(
        to=Address("Mina Example", "mina@example.org"),
        subject="A park",
        text="Keep it.\n",
        reply_to=Address("Zoé", "zoe@example.org"),
        automatic=True,
        headers={"List-Unsubscribe": "<https://parks.ca/u>"},
    )
    return SIGNER.sign(message.as_bytes(SITE), "parks.ca")


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (b"Keep it", b"Sell it"),
        (b"Subject: A park", b"Subject: A mall"),
        (b"zoe@example.org", b"eve@example.org"),
        (b"https://parks.ca/u", b"https://evil.ca/u"),
        (b"auto-generated", b"no"),
        (b"From: Changemaker", b"From: Eve <eve@evil.ca>\r\nFrom: Changemaker"),
        (b"Subject: A park", b"Subject: B\r\nSubject: A park"),
        (b"To: ", b"Cc: eve@evil.ca\r\nTo: "),
    ],
)
def test_what_is_changed_or_added_on_the_way_is_noticed(before: bytes, after: bytes) -> None:
    letter = signed_letter()
    assert verifies(letter) and before in letter
    assert not verifies(letter.replace(before, after, 1))


def test_white_space_may_change_on_the_way() -> None:
    letter = signed_letter()
    assert verifies(letter.replace(b"Subject: A park", b"Subject:  A \r\n\tpark") + b"\r\n\r\n")


@pytest.mark.parametrize("name", ["Date", "Message-ID"])
def test_a_relay_may_replace_what_identifies_its_own_copy(name: str) -> None:
    """(!) Amazon SES gives each message an id and a date of its own."""
    letter = signed_letter()
    replaced, count = re.subn(rf"(?m)^{name}:.*$".encode(), f"{name}: other\r".encode(), letter)
    assert count == 1 and replaced != letter
    assert verifies(b"Return-Path: <bounces@relay.example>\r\n" + replaced)


def test_letters_arrive_signed_over_one_connection(
    smtp_server: SmtpServer, message: Callable[..., Message]
) -> None:
    transport = SmtpTransport(SmtpUrl.parse(smtp_server.url), SITE, signer=SIGNER)
    for number in range(2):
        with transport.session() as session:
            session.send_envelope(message(text=f"{number}\n.\n..\n"))
            session.send_data()
    transport.close()
    assert [verifies(each.content) for each in smtp_server.received] == [True, True]


WEAK = generate_private_key(65537, 1024).private_bytes(  # noqa: S505
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
)


def test_a_key_that_cannot_sign_is_a_mistake_of_the_configuration(tmp_path: Path) -> None:
    def problem(content: bytes | None, selector: str | None = "cm") -> str:
        (tmp_path / "changemaker.toml").write_text(
            f'secret_key = "{"k" * 40}"\ndkim_key_file = "dkim.key"\n'
            + (f'dkim_selector = "{selector}"\n' if selector else "")
        )
        (tmp_path / "dkim.key").unlink(missing_ok=True)
        if content is not None:
            (tmp_path / "dkim.key").write_bytes(content)
        with pytest.raises(ConfigError) as raised:
            Config.load(tmp_path, {})
        (each,) = raised.value.problems
        assert each.key == "dkim_key_file" and "changemaker.toml" in each.where
        return str(each)

    assert "No such file" in problem(None)
    assert "not a private key" in problem(b"-----BEGIN PRIVATE KEY-----\nno\n")
    assert "has 1024 bits" in problem(WEAK)
    assert "needs dkim_selector" in problem(new_key(), selector=None)
    (tmp_path / "dkim.key").write_bytes(new_key())
    config = Config.load(tmp_path, {"CHANGEMAKER_DKIM_SELECTOR": "cm"})
    signer = DkimSigner.of(config)
    assert signer is not None and signer.key.key_size == 2048
    with pytest.raises(ConfigError, match="selector of a DKIM record"):
        Config.load(tmp_path, {"CHANGEMAKER_DKIM_SELECTOR": "a b"})


@pytest.fixture
def dkim_key_command(tmp_path: Path) -> Callable[..., Result]:
    """``changemaker mail dkim-key …`` for a site in ``tmp_path``."""
    (tmp_path / "changemaker.toml").write_text(f'secret_key = "{"k" * 40}"\n')

    def run(*arguments: str, mail_from: str = "Parks <mail@parks.ca>") -> Result:
        command = ["--site", str(tmp_path), "mail", "dkim-key", *arguments]
        return CliRunner(env={"CHANGEMAKER_MAIL_FROM": mail_from}).invoke(main, command)

    return run


def test_the_command_makes_a_key_and_prints_what_to_add(
    tmp_path: Path, dkim_key_command: Callable[..., Result]
) -> None:
    made = dkim_key_command("--selector", "s1")
    assert made.exit_code == 0, made.output
    file = tmp_path / "data" / "dkim-s1.key"
    assert 'dkim_key_file = "data/dkim-s1.key"' in made.stdout
    assert file.stat().st_uid == tmp_path.stat().st_uid
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    found = re.search(r"^s1\._domainkey\.parks\.ca\. IN TXT (.+)$", made.stdout, re.MULTILINE)
    assert found is not None
    texts = re.findall(r'"([^"]*)"', found[1])
    assert "".join(texts) == record_value(load_key(file))
    assert all(len(text) <= 255 for text in texts)
    before = file.read_bytes()
    again = dkim_key_command("--selector", "s1")
    assert again.exit_code == 1 and "exists already" in again.output
    assert (file.read_bytes(), len(list(file.parent.glob("dkim-*")))) == (before, 1)


def test_the_command_is_for_programs_too_and_refuses_what_is_no_name(
    dkim_key_command: Callable[..., Result],
) -> None:
    assert "Set mail_from first" in dkim_key_command(mail_from="noreply@localhost").output
    assert "is not a selector" in dkim_key_command("--selector", "../evil").output
    made = json.loads(dkim_key_command("--selector", "s2", "--json").stdout)
    assert made["name"] == "s2._domainkey.parks.ca"
