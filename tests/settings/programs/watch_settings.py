"""One process of a site, which prints the organisation's name each time it is another one.

``watch_settings.py FOLDER DATABASE_URL web|jobs``: as a web process, on the event loop, or as a job
runner, on a thread.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from changemaker_core import Config, Site
from changemaker_core.app import create_app

PAUSE = 0.01


class Printer:
    """Prints a name unless it was the last one."""

    def __init__(self) -> None:
        self._last = ""

    def note(self, name: str) -> None:
        if name != self._last:
            self._last = name
            print(name, flush=True)  # for the test that started this


async def serve(config: Config, printer: Printer) -> None:
    app = create_app(config, [])
    async with app.lifespan():
        while True:
            printer.note(app.site.organisation)
            await asyncio.sleep(PAUSE)


def run_jobs(config: Config, printer: Printer) -> None:
    site = Site(config, [])
    while True:
        printer.note(site.organisation)
        time.sleep(PAUSE)


if __name__ == "__main__":
    folder, url, role = sys.argv[1:]
    config = Config.for_tests(Path(folder), database_url=url)
    if role == "web":
        asyncio.run(serve(config, Printer()))
    else:
        run_jobs(config, Printer())
