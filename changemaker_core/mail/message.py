"""A message in plain values, and its form on the wire.

The form is written here rather than by ``EmailMessage``: its setters decode encoded words first, so
that a subject of ``=?utf-8?q?x=0D=0ABcc:_…?=`` would become a header of its own, and it takes
thirty times as long.
"""

from __future__ import annotations

import re
from binascii import b2a_qp
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.header import Header
from email.utils import format_datetime, make_msgid, parseaddr
from types import MappingProxyType
from typing import TYPE_CHECKING, Final

from changemaker_core.mail.errors import HeaderInjection, InvalidAddress

if TYPE_CHECKING:
    from collections.abc import Mapping

#: In quoted-printable text ``=_`` cannot occur (RFC 2045, section 6.7), so that this ends no part.
_BOUNDARY: Final = b"=_next-part"
_PART_HEAD: Final = (
    b'Content-Type: text/%s; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
)
_EITHER_HEAD: Final = b'Content-Type: multipart/alternative; boundary="%s"\r\n' % _BOUNDARY

#: Controls, surrogates, and what Unicode takes for the end of a line or paragraph.
_BREAKS = re.compile("[\0-\x1f\x7f-\x9f\ud800-\udfff\u2028\u2029]")
_LINE = 78  # RFC 5322, section 2.1.1: should
_LONGEST_WORD = 900  # the same section: a line must not exceed 998
_LOCAL = re.compile(r"[^\s@<>()\[\]\\,;:\".]+(\.[^\s@<>()\[\]\\,;:\".]+)*")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?", re.IGNORECASE)
_PHRASE = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+( [\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)
_FIELD_NAME = re.compile(r"[!-9;-~]{1,70}")
_MESSAGE_ID = re.compile(r"<[!-;=?A-~]+@[!-;=?A-~]+>")
_OURS = re.compile(
    r"from|sender|to|cc|bcc|reply-to|subject|date|message-id|auto-submitted|mime-version|content-.*",
    re.IGNORECASE,
)


def one_line(text: str, name: str) -> str:
    """``text``, or ``HeaderInjection`` when it holds what can end a line or hide in one."""
    if _BREAKS.search(text):
        raise HeaderInjection(name)
    return text


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox: a name to show, which may be empty, and an e-mail address.

    Quoted local parts and address literals are refused; other alphabets are welcome on both sides.
    """

    name: str
    email: str

    def __post_init__(self) -> None:
        one_line(self.name, "name")
        one_line(self.email, "email")
        local, _, domain = self.email.rpartition("@")
        if not _LOCAL.fullmatch(local) or len(local.encode()) > 64 or not _is_domain(domain):
            raise InvalidAddress(self.email)

    @classmethod
    def parse(cls, text: str) -> Address:
        """From ``name@example.org`` or ``A Name <name@example.org>``."""
        name, email = parseaddr(one_line(text, "address"))
        if not email:
            raise InvalidAddress(text)
        return cls(name, email)

    @property
    def domain(self) -> str:
        """In the alphabet of the DNS: ``xn--…`` where it holds other characters."""
        return _to_ascii(self.email.rpartition("@")[2])

    @property
    def envelope(self) -> str:
        """As SMTP wants it; ASCII unless the local part is not."""
        return f"{self.email.rpartition('@')[0]}@{self.domain}"

    @property
    def needs_utf8(self) -> bool:
        """Whether only servers with SMTPUTF8 (RFC 6531) know it."""
        return not self.envelope.isascii()

    @property
    def header(self) -> str:
        """As a header holds it, folded."""
        name = self.name.strip(" ")
        if not name:
            return self.envelope
        phrase = _phrase(name)
        used = len("Reply-To: ") + len(phrase.rpartition("\n")[2])
        space = " " if used + len(self.envelope) + 3 <= _LINE else "\r\n "
        return f"{phrase}{space}<{self.envelope}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message to one mailbox. ``From`` is always the site's; answers go to ``reply_to``.

    ``message_id`` is ``<…@…>``; without one, each ``as_bytes`` makes its own. ``automatic`` marks
    mail that no person wrote (RFC 3834), so that no machine answers it. ``headers`` are further
    ones, such as ``List-Unsubscribe``; those that this class writes itself are refused there.
    """

    to: Address
    subject: str
    text: str
    html: str | None = None
    reply_to: Address | None = None
    message_id: str | None = None
    automatic: bool = False
    headers: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))

    def __post_init__(self) -> None:
        one_line(self.subject, "subject")
        self.text.encode()  # a lone surrogate fails here and not when the message is due
        (self.html or "").encode()
        if self.message_id is not None and not _MESSAGE_ID.fullmatch(self.message_id):
            raise HeaderInjection("message_id")
        for name, value in self.headers.items():
            if not _FIELD_NAME.fullmatch(name):
                raise HeaderInjection("header name")
            if _OURS.fullmatch(name):
                raise ValueError(f"{name} is written by Message itself")
            one_line(value, name)

    @property
    def needs_utf8(self) -> bool:
        """Whether only servers with SMTPUTF8 (RFC 6531) can carry it, whoever sends it."""
        return any(a.needs_utf8 for a in (self.to, self.reply_to) if a)

    def as_bytes(self, mail_from: Address, *, at: datetime | None = None) -> bytes:
        """The message in MIME form, dated ``at`` or now: lines of seven bits that end in CRLF.

        Seven bits survive every relay. Only addresses that need SMTPUTF8 hold others.
        """
        headers = self._headers(mail_from, at or datetime.now(UTC))
        head = "".join(f"{name}: {value}\r\n" for name, value in headers).encode()
        text = _part("plain", self.text)
        return head + (text if self.html is None else _either(text, _part("html", self.html)))

    def _headers(self, mail_from: Address, at: datetime) -> list[tuple[str, str]]:
        made = [
            ("From", mail_from.header),
            ("To", self.to.header),
            ("Subject", _unstructured("Subject", self.subject)),
            ("Date", format_datetime(at)),
            ("Message-ID", self.message_id or make_msgid(domain=mail_from.domain)),
            ("MIME-Version", "1.0"),
        ]
        if self.reply_to is not None:
            made.append(("Reply-To", self.reply_to.header))
        if self.automatic:
            made.append(("Auto-Submitted", "auto-generated"))
        return made + [(name, _unstructured(name, text)) for name, text in self.headers.items()]


def _part(subtype: str, text: str) -> bytes:
    """``text`` in quoted-printable, below the headers that say so."""
    lines = text.encode().splitlines()  # at CR, LF and CRLF; a str would be split at others too
    return _PART_HEAD % subtype.encode() + b2a_qp(b"\r\n".join((*lines, b"")))


def _either(first: bytes, second: bytes) -> bytes:
    """Two forms of the same, of which the second is to be preferred."""
    next_part = b"\r\n--" + _BOUNDARY
    return _EITHER_HEAD + next_part.join((b"", b"\r\n" + first, b"\r\n" + second, b"--\r\n"))


def _is_domain(domain: str) -> bool:
    try:
        ascii_form = _to_ascii(domain)
    except UnicodeError:
        return False
    labels = ascii_form.split(".")
    return len(ascii_form) <= 253 and all(_LABEL.fullmatch(label) for label in labels)


def _to_ascii(domain: str) -> str:
    return domain if domain.isascii() else domain.encode("idna").decode("ascii")


def _phrase(name: str) -> str:
    """A display name: bare, quoted, or in encoded words (RFC 2047) which fold where needed."""
    if not name.isascii() or "=?" in name or len(name) > 60:
        return _encoded_words("Reply-To", name)
    if _PHRASE.fullmatch(name):
        return name
    return '"' + re.sub(r'([\\"])', r"\\\1", name) + '"'


def _unstructured(name: str, text: str) -> str:
    words = re.findall(r" *[^ ]+", text.strip(" "))
    plain = text.isascii() and "=?" not in text and all(len(w) <= _LONGEST_WORD for w in words)
    return _folded(name, words) if plain else _encoded_words(name, text)


def _folded(name: str, words: list[str]) -> str:
    """Broken before words, so that each line has at most 78 characters where words allow it."""
    lines, used = [""], len(name) + 2
    for word in words:
        if lines != [""] and used + len(word) > _LINE:
            lines.append("")
            used = 0
        lines[-1] += word
        used += len(word)
    return "\r\n".join(lines)


def _encoded_words(name: str, text: str) -> str:
    return Header(text, "utf-8", maxlinelen=_LINE, header_name=name).encode(linesep="\r\n")
