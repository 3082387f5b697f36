"""A message as plain values, and its encoding in MIME.

It is encoded here rather than by ``EmailMessage``: its setters decode encoded words first, so that
a subject of ``=?utf-8?q?x=0D=0ABcc:_…?=`` would become a header of its own, and it takes thirty
times as long.
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

from changemaker_core.config.email_address import LINE_BREAKS, ascii_domain, is_email_address
from changemaker_core.mail.errors import HeaderInjection, InvalidAddress

if TYPE_CHECKING:
    from collections.abc import Mapping

#: Quoted-printable text cannot contain ``=_`` (RFC 2045, section 6.7), so that this ends no part.
_BOUNDARY: Final = b"=_next-part"
_PART_HEAD: Final = (
    b'Content-Type: text/%s; charset="utf-8"\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n'
)
_ALTERNATIVE_HEAD: Final = b'Content-Type: multipart/alternative; boundary="%s"\r\n' % _BOUNDARY

_LINE = 78  # RFC 5322, section 2.1.1: should
_LONGEST_WORD = 900  # the same section: a line must not exceed 998
_PHRASE = re.compile(r"[\w!#$%&'*+/=?^`{|}~-]+( [\w!#$%&'*+/=?^`{|}~-]+)*", re.ASCII)
_FIELD_NAME = re.compile(r"[!-9;-~]{1,70}")
_MESSAGE_ID = re.compile(r"<[!-;=?A-~]+@[!-;=?A-~]+>")
_WRITTEN_BY_MESSAGE = re.compile(
    r"from|sender|to|cc|bcc|reply-to|subject|date|message-id|auto-submitted|mime-version|content-.*",
    re.IGNORECASE,
)


def one_line(text: str, name: str) -> str:
    """Return ``text``. Raises ``HeaderInjection`` for line ends and control characters."""
    if LINE_BREAKS.search(text):
        raise HeaderInjection(name)
    return text


@dataclass(frozen=True, slots=True)
class Address:
    """A mailbox: a display name, which may be empty, and an email address.

    ``changemaker_core.config.email_address`` has the grammar. Raises ``InvalidAddress`` and
    ``HeaderInjection``.
    """

    name: str
    email: str

    def __post_init__(self) -> None:
        one_line(self.name, "name")
        one_line(self.email, "email")
        if not is_email_address(self.email):
            raise InvalidAddress(self.email)

    @classmethod
    def parse(cls, text: str) -> Address:
        """Parse ``name@example.org`` or ``A Name <name@example.org>``."""
        name, email = parseaddr(one_line(text, "address"))
        if not email:
            raise InvalidAddress(text)
        return cls(name, email)

    @property
    def domain(self) -> str:
        """The domain in ASCII: ``xn--…`` where it has other characters."""
        return ascii_domain(self.email.rpartition("@")[2])

    @property
    def envelope(self) -> str:
        """The address as SMTP takes it; ASCII unless the local part is not."""
        return f"{self.email.rpartition('@')[0]}@{self.domain}"

    @property
    def needs_utf8(self) -> bool:
        """Whether only servers with SMTPUTF8 (RFC 6531) accept it."""
        return not self.envelope.isascii()

    @property
    def header(self) -> str:
        """Name and address as in a header, folded."""
        name = self.name.strip(" ")
        if not name:
            return self.envelope
        phrase = _phrase(name)
        used = len("Reply-To: ") + len(phrase.rpartition("\n")[2])
        space = " " if used + len(self.envelope) + 3 <= _LINE else "\r\n "
        return f"{phrase}{space}<{self.envelope}>"


@dataclass(frozen=True, slots=True, kw_only=True)
class Message:
    """One message to one mailbox. ``From`` is always the site's; replies go to ``reply_to``.

    ``message_id`` is ``<…@…>``; without one, each ``as_bytes`` generates its own. ``automatic``
    marks mail that no person wrote (RFC 3834), to which no machine replies. ``headers`` are further
    ones, such as ``List-Unsubscribe``; those that this class writes itself raise ``ValueError``.

    The mails of a site are made by ``MailTemplate.message``, in their readers' language. A message
    is built by itself where a person has written it.
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
            if _WRITTEN_BY_MESSAGE.fullmatch(name):
                raise ValueError(f"{name} is written by Message itself")
            one_line(value, name)

    @property
    def needs_utf8(self) -> bool:
        """Whether only servers with SMTPUTF8 (RFC 6531) accept it, whoever sends it."""
        return any(a.needs_utf8 for a in (self.to, self.reply_to) if a)

    def as_bytes(self, mail_from: Address, *, at: datetime | None = None) -> bytes:
        """Return the message in MIME, dated ``at`` or now: lines of 7-bit text that end in CRLF.

        7-bit text passes every mail server. Only addresses that need SMTPUTF8 have other bytes.
        """
        headers = self._headers(mail_from, at or datetime.now(UTC))
        head = "".join(f"{name}: {value}\r\n" for name, value in headers).encode()
        text = _part("plain", self.text)
        return head + (text if self.html is None else _alternative(text, _part("html", self.html)))

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
    """Return a MIME part: ``text`` in quoted-printable, below its headers."""
    lines = text.encode().splitlines()  # at CR, LF and CRLF; a str would be split at others too
    return _PART_HEAD % subtype.encode() + b2a_qp(b"\r\n".join((*lines, b"")))


def _alternative(first: bytes, second: bytes) -> bytes:
    """Return two alternatives of the same content, the preferred one last."""
    next_part = b"\r\n--" + _BOUNDARY
    return _ALTERNATIVE_HEAD + next_part.join((b"", b"\r\n" + first, b"\r\n" + second, b"--\r\n"))


def _phrase(name: str) -> str:
    """Return a display name: bare, quoted, or in encoded words (RFC 2047), folded where needed."""
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
    """Break lines before words, so that each has at most 78 characters where words allow it."""
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
