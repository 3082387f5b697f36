"""A child process of ``serve``: ``python -m changemaker_core.server.process web|jobs ORDERS``."""

from __future__ import annotations

import os
import signal
import socket
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

import click

from changemaker_core.server import collector, logs
from changemaker_core.server.orders import GRACE, NOT_NOW, REFUSED, Orders
from changemaker_core.server.refusals import database_is_away, plain_errors

if TYPE_CHECKING:
    from collections.abc import Callable


def main(arguments: list[str]) -> int:
    """Work under the orders until told to stop; answers the exit status."""
    orders = Orders.parse(arguments)
    _end_with_supervisor(orders.alive)
    logs.for_machines()
    try:
        with plain_errors():
            (_web if orders.kind == "web" else _jobs)(orders)
    except click.ClickException as error:
        error.show()
        return NOT_NOW if database_is_away(error) else REFUSED
    return 0


def _end_with_supervisor(alive: int) -> None:
    """Stop, within the usual grace, when the supervisor is gone without having said a word."""

    def watch() -> None:
        os.read(alive, 1)
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(GRACE)
        os._exit(1)

    threading.Thread(target=watch, name="supervisor-watch", daemon=True).start()


def _tell(ready: int) -> Callable[[], None]:
    def tell() -> None:
        os.write(ready, b"+")
        os.close(ready)

    return tell


def _web(orders: Orders) -> None:
    from changemaker_core.server.state import checked_app
    from changemaker_core.server.web import serve_app

    app = checked_app(orders)
    collector.spare()
    serve_app(app, socket.socket(fileno=orders.socket), started=_tell(orders.ready))


def _jobs(orders: Orders) -> None:
    from changemaker_core.config import Config
    from changemaker_core.server.priority import step_back

    step_back(Config.read(Path(orders.site))[0].jobs_niceness)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())

    from changemaker_core.jobs import run_jobs
    from changemaker_core.server.state import checked_site, mounted_jobs

    site = checked_site(orders)
    collector.spare()
    _tell(orders.ready)()
    try:
        run_jobs(site, stop, names=mounted_jobs(site, orders))
    finally:
        site.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
