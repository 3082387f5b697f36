"""A real nginx, with a configuration that a test made, on the loopback interface."""

from __future__ import annotations

import contextlib
import os
import shutil
import socket
import subprocess
import time
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

#: The response header that names the upstream: ``127.0.0.1:4100``.
UPSTREAM_HEADER = "x-upstream"
_PATIENCE = 60.0

#: What surrounds the file under test, which stays as it was made. ``add_header`` holds for every
#: location that has none of its own.
_AROUND = """
daemon off;
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log warn;
events {{ worker_connections 512; }}
http {{
    access_log {folder}/access.log;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    add_header {header} $upstream_addr always;
    include {included};
}}
"""


def find() -> str | None:
    """Where nginx is, or None where it is not installed."""
    return shutil.which("nginx") or shutil.which("nginx", path="/usr/sbin:/usr/local/sbin")


@contextlib.contextmanager
def running(configuration: Path, port: int, folder: Path) -> Iterator[str]:
    """nginx with ``configuration`` inside of its http block; gives its address.

    ``port`` is where the configuration lets it listen; its own files are in ``folder``.
    """
    program = find()
    if program is None:
        raise FileNotFoundError("no nginx found; apt-get install nginx-light")
    folder.mkdir(parents=True, exist_ok=True)
    main = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    main.write_text(
        _AROUND.format(user=user, folder=folder, included=configuration, header=UPSTREAM_HEADER)
    )
    process = subprocess.Popen(  # noqa: S603  # nginx, with our own file
        [program, "-c", str(main), "-p", str(folder), "-e", str(folder / "error.log")]
    )
    try:
        _wait(process, port, folder / "error.log")
        yield f"http://127.0.0.1:{port}"
    finally:
        process.terminate()
        process.wait(_PATIENCE)


def _wait(process: subprocess.Popen[bytes], port: int, errors: Path) -> None:
    until = time.monotonic() + _PATIENCE
    while time.monotonic() < until and process.poll() is None:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), 1):
            return
        time.sleep(0.02)
    said = errors.read_text() if errors.exists() else ""
    raise RuntimeError(f"nginx does not listen on port {port}: {said}")
