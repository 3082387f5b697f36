"""A certificate for TLS on the loopback interface."""

from __future__ import annotations

import subprocess
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


def make_certificate(folder: Path, name: str = "localhost") -> Path:
    """A self-signed certificate for ``name`` and 127.0.0.1, with its key, in one file.

    ``folder/certificate`` is the certificate alone, for those who are to trust it.
    """
    command = f"openssl req -x509 -newkey rsa:2048 -nodes -days 2 -subj /CN={name}"
    names = ("-addext", f"subjectAltName=DNS:{name},IP:127.0.0.1")
    files = ("-keyout", str(folder / "key"), "-out", str(folder / "certificate"))
    subprocess.run([*command.split(), *names, *files], check=True, capture_output=True)
    both = folder / "both.pem"
    both.write_text((folder / "certificate").read_text() + (folder / "key").read_text())
    return both
