"""Signatures of mail (DKIM, RFC 6376): RSA-SHA256, both canonicalizations "relaxed"."""

from __future__ import annotations

import re
from base64 import b64encode
from datetime import UTC, datetime
from hashlib import sha256
from typing import TYPE_CHECKING, Final

from changemaker_core.config.dkim_key import load_key

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

    from changemaker_core.config import Config

#: Not signed, since servers on the way replace them: Amazon SES gives each message its own id and
#: date.
_REPLACED: Final = frozenset({"date", "message-id", "return-path"})
#: Signed once more than the message has them, so that none can be added on the way.
_NOT_TO_BE_ADDED: Final = ("from", "to", "cc", "subject", "reply-to")
_LINE: Final = 76


class DkimSigner:
    """Signs messages as their sender's domain, with one key. Safe to use from several threads."""

    def __init__(self, selector: str, key: RSAPrivateKey) -> None:
        from cryptography.hazmat.primitives.asymmetric.padding import PKCS1v15
        from cryptography.hazmat.primitives.hashes import SHA256

        self.selector = selector
        self.key = key
        self._padding, self._hash = PKCS1v15(), SHA256()

    @classmethod
    def of(cls, config: Config) -> DkimSigner | None:
        """Return the signer that the configuration names, if it names one.

        Raises ``ValueError`` where the key's file has become unreadable since.
        """
        if config.dkim_selector is None or config.dkim_key_file is None:
            return None
        return cls(config.dkim_selector, load_key(config.site_dir / config.dkim_key_file))

    def sign(self, message: bytes, domain: str, *, at: datetime | None = None) -> bytes:
        """Return ``message``, whose lines end in CRLF, below its signature for ``domain``.

        Every header of the message is signed, but those that servers on the way replace.
        """
        head, _, body = message.partition(b"\r\n\r\n")
        # The last one first: so are headers that share a name counted (section 5.4.2).
        lines = reversed(re.split(rb"\r\n(?![ \t])", head))
        headers = [each for line in lines if (each := _split(line))[0] not in _REPLACED]
        names = [name for name, _ in headers]
        body_hash = b64encode(sha256(relaxed_body(body)).digest()).decode("ascii")
        moment = int((at or datetime.now(UTC)).timestamp())
        signature = (
            f"v=1; a=rsa-sha256; c=relaxed/relaxed; d={domain}; s={self.selector};\r\n"
            f" t={moment};\r\n h={_folded(':'.join([*names, *_NOT_TO_BE_ADDED]), ':')};\r\n"
            f" bh={body_hash};\r\n b="
        )
        signed = [b"%s:%s\r\n" % (name.encode(), relaxed_value(value)) for name, value in headers]
        signed.append(b"dkim-signature:" + relaxed_value(signature.encode()))
        raw = self.key.sign(b"".join(signed), self._padding, self._hash)
        value = _folded(b64encode(raw).decode("ascii"))
        return f"DKIM-Signature: {signature}{value}\r\n".encode() + message


def relaxed_value(value: bytes) -> bytes:
    """Return a header's value unfolded, each run of white space one space (section 3.4.2)."""
    return re.sub(rb"[ \t]+", b" ", value.replace(b"\r\n", b"")).strip(b" \t")


def relaxed_body(body: bytes) -> bytes:
    """Return a body without white space that mail servers may change (section 3.4.4)."""
    lines = re.sub(rb"[ \t]+", b" ", body).replace(b" \r\n", b"\r\n")
    stripped = re.sub(rb" ?\Z", b"", lines).rstrip(b"\r\n")
    return stripped + b"\r\n" if stripped else b""


def _split(header: bytes) -> tuple[str, bytes]:
    name, _, value = header.partition(b":")
    return name.decode("ascii").strip().lower(), value


def _folded(text: str, at: str = "") -> str:
    """Break a text into lines, after ``at`` where it is given."""
    if not at:
        return "\r\n  ".join(text[n : n + _LINE] for n in range(0, len(text), _LINE))
    lines, line = [], ""
    for part in text.split(at):
        if line and len(line) + len(part) + 1 > _LINE:
            lines.append(line)
            line = ""
        line += part + at
    return "\r\n  ".join([*lines, line.removesuffix(at)])
