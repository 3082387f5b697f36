"""The key that signs mail (DKIM): a file of the site's folder, and the record that publishes it."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from pathlib import Path

    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey

#: RFC 8301 asks signers for 2048 bits. Longer keys do not fit into one DNS packet.
BITS: Final = 2048
#: RFC 6376, section 3.1: labels of a name.
SELECTOR: Final = re.compile(r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?(?:\.[a-z0-9-]{1,63}){0,3}")
#: A text of a TXT record holds at most 255 bytes; DNS servers join the texts of one record.
_LONGEST_TEXT: Final = 255


def load_key(file: Path) -> RSAPrivateKey:
    """Return the private key in a PEM file. Raises ``ValueError``, which says what is wrong."""
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.rsa import RSAPrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    try:
        key = load_pem_private_key(file.read_bytes(), password=None)
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror}") from error
    except (ValueError, TypeError, UnsupportedAlgorithm) as error:  # TypeError: it has a password
        raise ValueError("is not a private key in PEM without a password") from error
    if not isinstance(key, RSAPrivateKey):
        raise ValueError("is not an RSA key, the only kind that all mail servers verify")
    if key.key_size < BITS:
        raise ValueError(f"has {key.key_size} bits; a key that signs has {BITS} or more")
    return key


def new_key() -> bytes:
    """Return a new private key in PEM."""
    from cryptography.hazmat.primitives.asymmetric.rsa import generate_private_key
    from cryptography.hazmat.primitives.serialization import (
        Encoding,
        NoEncryption,
        PrivateFormat,
    )

    key = generate_private_key(public_exponent=65537, key_size=BITS)
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def public_part(key: RSAPrivateKey) -> str:
    """Return the public key as the ``p=`` of its record (RFC 6376, section 3.6.1)."""
    from base64 import b64encode

    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    public = key.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)
    return b64encode(public).decode("ascii")


def record_name(selector: str, domain: str) -> str:
    """Return the name of the TXT record that publishes a key."""
    return f"{selector}._domainkey.{domain}"


def record_value(key: RSAPrivateKey) -> str:
    """Return the TXT record that publishes ``key``."""
    return f"v=DKIM1; k=rsa; p={public_part(key)}"


def zone_line(name: str, value: str) -> str:
    """Return a TXT record as a line of a zone file."""
    texts = [value[at : at + _LONGEST_TEXT] for at in range(0, len(value), _LONGEST_TEXT)]
    return f"{name}. IN TXT " + " ".join(f'"{text}"' for text in texts)
