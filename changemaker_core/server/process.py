"""A child process of ``serve``: ``python -m changemaker_core.server.process web|jobs SPEC``."""

from __future__ import annotations

import logging
import os
import signal
import socket
import sys
import threading
import time
from pathlib import Path

import click

from changemaker_core.config.site_files import keep_private
from changemaker_core.server import collector, logs
from changemaker_core.server.errors import expected_errors, is_database_away
from changemaker_core.server.spec import EXIT_CONFIG, EXIT_RETRY, ProcessSpec

#: Run as a program, the module is called ``__main__``.
log = logging.getLogger("changemaker_core.server.process")


def main(arguments: list[str]) -> int:
    """Serve or run jobs until a signal says stop. Return the exit status."""
    # While it loads it holds nothing that would have to be closed: a signal ends it at once.
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, signal.SIG_DFL)
    spec = ProcessSpec.parse(arguments)
    keep_private()
    _stop_with_supervisor(spec)
    try:
        with expected_errors():
            from changemaker_core.config import Config

            # A wrong configuration is reported when the site is loaded.
            logs.start_log(Config.read(Path(spec.site))[0])
            (_serve if spec.kind == "web" else _run_jobs)(spec)
    except click.ClickException as error:
        error.show()
        return EXIT_RETRY if is_database_away(error) else EXIT_CONFIG
    return 0


def _stop_with_supervisor(spec: ProcessSpec) -> None:
    """Stop, within the usual grace, when the supervisor is gone without a signal."""

    def watch() -> None:
        os.read(spec.alive, 1)
        os.kill(os.getpid(), signal.SIGTERM)
        threading.Event().wait(spec.grace)
        os._exit(1)

    threading.Thread(target=watch, name="supervisor-watch", daemon=True).start()


def _report_ready(spec: ProcessSpec) -> None:
    os.write(spec.ready, b"+")
    os.close(spec.ready)


def _serve(spec: ProcessSpec) -> None:
    from changemaker_core.server.loading import load_app
    from changemaker_core.server.web import serve_app

    loaded_at = time.time_ns()
    app = load_app(spec)
    if spec.reload:
        from changemaker_core.server.reload import reload_on_change

        reload_on_change(app.site, loaded_at)
    collector.collect_rarely()
    listening = socket.socket(fileno=spec.socket)
    serve_app(app, listening, started=lambda: _report_ready(spec), drain=spec.drain)


def _run_jobs(spec: ProcessSpec) -> None:
    from changemaker_core.config import Config
    from changemaker_core.server.priority import lower_priority

    lower_priority(Config.read(Path(spec.site))[0].jobs_niceness)

    from changemaker_core.jobs import run_jobs
    from changemaker_core.server.loading import load_site, mounted_jobs

    site = load_site(spec)
    collector.collect_rarely()
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    _report_ready(spec)
    log.info("the job runner is ready")
    try:
        run_jobs(
            site,
            stop,
            names=mounted_jobs(site, spec),
            concurrency=site.config.jobs_concurrency,
        )
    finally:
        site.close()


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
