"""``serve --reload``: for authors, whose changes a running site takes over."""

from __future__ import annotations

import inspect
import logging
import os
import signal
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING, Final

from changemaker_core.plugin.loaded import is_installed

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from changemaker_core.site import Site

log = logging.getLogger(__name__)

SECONDS: Final = 0.5
#: What the site's own folder has that a start reads; its database and its logs change all the time.
_OF_SITE: Final = ("changemaker.toml", ".env", "templates", "static", "locale")
#: What a package's folder has that no start reads.
_UNREAD: Final = frozenset({"__pycache__", "node_modules"})

#: The time of the last change and the size of each file.
Seen = dict[Path, tuple[int, int]]


def reload_on_change(site: Site, loaded_at: int) -> None:
    """Have the supervisor replace its processes when a file of the site or of a plugin changes.

    ``loaded_at`` is when the site began to load, in nanoseconds: what has changed since counts. The
    files of packages that are installed do not change. A new process that cannot start leaves this
    one, which goes on watching.
    """
    places = list(_places(site))
    supervisor = os.getppid()

    def watch() -> None:
        known = look(places)
        changed = [path for path, state in known.items() if loaded_at < state[0] < time.time_ns()]
        while os.getppid() == supervisor:
            if changed:
                log.warning("%s changed: starting new processes", min(changed))
                os.kill(supervisor, signal.SIGHUP)
            time.sleep(SECONDS)
            found = look(places)
            changed = [path for path, _ in known.items() ^ found.items()]
            known = found

    threading.Thread(target=watch, name="reload", daemon=True).start()


def _places(site: Site) -> Iterator[Path]:
    yield from (site.config.site_dir / name for name in _OF_SITE)
    packages = site.loaded.package_folders()
    if not is_installed("changemaker-core"):
        yield packages["core"]
    for plugin in site.loaded.plugins:
        if not plugin.core and not is_installed(plugin.distribution):
            yield from (plugin.folder, Path(inspect.getfile(type(plugin.instance))))


def look(places: Iterable[Path]) -> Seen:
    """Return what is in these folders and files, without what is hidden."""
    found: Seen = {}
    for place in places:
        if place.is_dir():
            for path, state in _files(place):
                found[path] = state
        else:
            _note(found, place)
    return found


def _files(folder: Path) -> Iterator[tuple[Path, tuple[int, int]]]:
    for path, folders, files in os.walk(folder):
        folders[:] = [name for name in folders if name not in _UNREAD and not name.startswith(".")]
        found: Seen = {}
        for name in files:
            if not name.startswith(".") and not name.endswith("~"):
                _note(found, Path(path, name))
        yield from found.items()


def _note(found: Seen, path: Path) -> None:
    try:
        state = path.stat()
    except OSError:  # it has just been deleted, or was never there
        return
    found[path] = (state.st_mtime_ns, state.st_size)
