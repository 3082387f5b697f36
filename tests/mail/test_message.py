from __future__ import annotations

from datetime import UTC, datetime
from email import message_from_bytes
from email.header import decode_header, make_header
from email.policy import SMTPUTF8
from email.utils import parseaddr
from typing import TYPE_CHECKING

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from changemaker_core.mail import Address, HeaderInjection, InvalidAddress, Message

if TYPE_CHECKING:
    from email.message import EmailMessage

SITE = Address("Changemaker", "site@example.org")
MP = Address("Mina Example", "mina@example.org")

#: What may stand in a header: anything that is not a control, a surrogate or a line's end.
line = st.text(st.characters(exclude_categories=("Cc", "Cs", "Zl", "Zp")), max_size=300)
#: Encoded words, quotes, folding points: the corners of header syntax, far more often.
tricky = st.lists(
    st.sampled_from(
        [
            "=?utf-8?q?",
            "=0D=0A",
            "Bcc: x@y.org",
            "?=",
            '"',
            "\\",
            " ",
            "  ",
            ",",
            "<",
            ">",
            "é",
            "(",
            "x" * 90,
        ]
    ),
    max_size=25,
).map("".join)
break_out = st.sampled_from(
    ["\r\nBcc: eve@example.org", "\n", "\r", "\0", "\x0b", "\x85", "\u2028", "\u2029", "\ud800"]
)


def wire(message: Message) -> EmailMessage:
    return message_from_bytes(message.as_bytes(SITE), policy=SMTPUTF8)


def same_words(one: str, other: str) -> bool:
    """Mail drops white space at either end."""
    return one.strip(" ") == other.strip(" ")


@example(subject="\xa0", name="\xa0")
@given(subject=line | tricky, name=line | tricky)
def test_subject_and_names_arrive_unchanged(subject: str, name: str) -> None:
    message = Message(to=MP, subject=subject, text="x", reply_to=Address(name, "a@example.org"))
    raw = message.as_bytes(SITE)
    received = message_from_bytes(raw, policy=SMTPUTF8)
    assert received.keys() == [
        *("From", "To", "Subject", "Date", "Message-ID", "MIME-Version", "Reply-To"),
        *("Content-Type", "Content-Transfer-Encoding"),
    ]
    assert same_words(received["Subject"], subject)
    phrase, email = parseaddr(message_from_bytes(raw)["Reply-To"])
    assert email == "a@example.org"
    assert same_words(str(make_header(decode_header(phrase))), name)


#: Line ends of every kind and what a server might take for the end of a message.
body = st.lists(
    st.sampled_from(["\r", "\n", "\r\n", ".", "\0", "é", "From ", "x" * 400, "=", " "]), max_size=25
).map("".join)


@example(subject="a" + " " * 1500 + "b", name="", text="", html=None)
@given(subject=line | tricky, name=line | tricky, text=body, html=body | st.none())
def test_the_wire_is_seven_bit_in_short_lines_that_end_in_crlf(
    subject: str, name: str, text: str, html: str | None
) -> None:
    to = Address(name, "someone@a-rather-long-name-of-a-domain.example.org")
    raw = Message(to=to, subject=subject, text=text, html=html).as_bytes(SITE)
    assert raw.isascii()
    for part in raw.split(b"\r\n"):
        assert len(part) <= 998
        assert not {b"\n"[0], b"\r"[0], 0} & set(part)


@given(before=line, cut=break_out, after=line)
def test_header_injection_is_rejected(before: str, cut: str, after: str) -> None:
    text = before + cut + after
    with pytest.raises(HeaderInjection):
        Address(text, "a@example.org")
    with pytest.raises(HeaderInjection):
        Address("", f"a@example.org{cut}")
    with pytest.raises(HeaderInjection):
        Message(to=MP, subject=text, text="x")
    with pytest.raises(HeaderInjection):
        Message(to=MP, subject="x", text="x", headers={"X-Note": text})
    with pytest.raises(HeaderInjection):
        Message(to=MP, subject="x", text="x", headers={f"X-Note{cut}": "x"})
    with pytest.raises(HeaderInjection):
        Message(to=MP, subject="x", text="x", message_id=f"<a@b{cut}>")


#: What may end a part, a line or a message, far more often.
content = st.text(st.characters(exclude_categories=("Cs",)), max_size=500) | st.lists(
    st.sampled_from(
        ["\r", "\n", "\r\n", ".", "=", "\t", " ", "é", "\u2028", "x" * 70, "--=_next-part", "--"]
    ),
    max_size=25,
).map("".join)


@given(text=content, html=content | st.none())
def test_any_text_is_a_body(text: str, html: str | None) -> None:
    received = wire(Message(to=MP, subject="x", text=text, html=html))
    parts = [received] if html is None else list(received.iter_parts())
    assert received.defects == []
    assert [_lines(part.get_content()) for part in parts] == [
        _lines(each) for each in (text, html) if each is not None
    ]


def _lines(text: str) -> list[str]:
    return text.replace("\r\n", "\n").replace("\r", "\n").rstrip("\n").split("\n")


def test_a_subject_that_looks_encoded_stays_as_it_is() -> None:
    subject = "=?utf-8?q?hello=0D=0ABcc:_eve@example.org?="
    raw = Message(to=MP, subject=subject, text="x").as_bytes(SITE)
    received = message_from_bytes(raw, policy=SMTPUTF8)
    assert received["Subject"] == subject
    assert received["Bcc"] is None


def test_the_headers_of_a_supporters_message() -> None:
    received = message_from_bytes(
        Message(
            to=Address("Élise Tremblay, députée", "elise@example.org"),
            subject="Un parc pour toutes et tous à Rivière-du-Loup",
            text="Bonjour",
            html="<p>Bonjour</p>",
            reply_to=Address("Zoë", "zoe@example.org"),
            message_id="<42@example.org>",
            automatic=True,
            headers={"List-Unsubscribe": "<https://example.org/" + "x" * 120 + ">"},
        ).as_bytes(SITE, at=datetime(2026, 5, 1, 12, tzinfo=UTC)),
        policy=SMTPUTF8,
    )
    assert received["From"] == "Changemaker <site@example.org>"
    assert received["To"].addresses[0].display_name == "Élise Tremblay, députée"
    assert received["Date"].datetime == datetime(2026, 5, 1, 12, tzinfo=UTC)
    assert received["Message-ID"] == "<42@example.org>"
    assert received["Reply-To"].addresses[0].addr_spec == "zoe@example.org"
    assert received["Auto-Submitted"] == "auto-generated"
    assert received["List-Unsubscribe"] == "<https://example.org/" + "x" * 120 + ">"
    assert [part.get_content_type() for part in received.iter_parts()] == [
        "text/plain",
        "text/html",
    ]
    assert received.get_body(("plain",)).get_content().strip() == "Bonjour"
    assert received.get_body(("html",)).get_content().strip() == "<p>Bonjour</p>"


def test_a_message_has_one_message_id_of_the_sites_domain() -> None:
    first, second = (wire(Message(to=MP, subject="x", text="x"))["Message-ID"] for _ in range(2))
    assert first != second
    assert first.endswith("@example.org>")


def test_domains_of_other_alphabets_are_sent_as_ascii() -> None:
    address = Address("", "marie@québec.example")
    assert address.envelope == "marie@xn--qubec-csa.example"
    assert not Message(to=address, subject="x", text="x").needs_utf8


def test_a_local_part_of_another_alphabet_needs_smtputf8() -> None:
    message = Message(to=Address("Zoë", "zoë@example.org"), subject="x", text="x")
    assert message.needs_utf8
    assert "To: =?utf-8?" in message.as_bytes(SITE).decode()
    assert "<zoë@example.org>" in message.as_bytes(SITE).decode()


@pytest.mark.parametrize(
    "email",
    [
        *(
            "",
            "a",
            "@",
            "a@",
            "@b.org",
            "a b@c.org",
            "a@b c.org",
            "a@b..org",
            "a@-b.org",
            "a@b_c.org",
        ),
        *(
            "a..b@c.org",
            ".a@c.org",
            "a.@c.org",
            "a@b@c.org",
            '"a"@c.org',
            "<a@c.org>",
            "a@c.org,d@e.org",
        ),
        *(
            "a@[127.0.0.1]",
            "x" * 65 + "@c.org",
            "a@" + "x" * 64 + ".org",
            "a;b@c.org",
            "a@" + "é" * 80 + ".org",
        ),
    ],
)
def test_invalid_addresses(email: str) -> None:
    with pytest.raises(InvalidAddress) as caught:
        Address("", email)
    assert "@" not in str(caught.value)  # it may end up in a log


def test_addresses_as_the_operator_writes_them() -> None:
    assert Address.parse("noreply@localhost") == Address("", "noreply@localhost")
    assert Address.parse("Our Site <site@example.org>") == SITE.__class__(
        "Our Site", "site@example.org"
    )
    for text in ("", "no address", "A <>", "a@b.org\r\nBcc: x@y.org"):
        with pytest.raises(ValueError):
            Address.parse(text)


@pytest.mark.parametrize("name", ["from", "BCC", "Content-Type", "Message-Id", "a b", "é", ""])
def test_headers_that_are_not_the_callers(name: str) -> None:
    with pytest.raises(ValueError):
        Message(to=MP, subject="x", text="x", headers={name: "x"})


def test_a_body_that_cannot_be_encoded_is_rejected_at_once() -> None:
    with pytest.raises(ValueError):
        Message(to=MP, subject="x", text="\ud800")
