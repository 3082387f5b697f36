"""What ``changemaker doctor`` checks of the database: reachable, migrated, replicas."""

from __future__ import annotations

import functools
import socket
import sqlite3
import time
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from changemaker_core.db import migrations
from changemaker_core.db.errors import DatabaseRefused, DatabaseUnavailable
from changemaker_core.db.sqlite.errors import is_damage
from changemaker_core.diagnostics import TIMEOUT, Check, Finding

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core.site import Site

#: What to do about a database that cannot be used.
FIXES = {
    "sqlite": "Check database_url, the file, its folder, and the space on its disk.",
    "postgresql": "Check database_url, and the database server and its log.",
}
#: The clock is looked at after so many instructions of SQLite's machine.
LOOK_EVERY = 10_000


def checks(site: Site) -> list[Check]:
    """Return the checks of this room."""
    return [
        Check("database", check_database, keys=("database_url",)),
        Check("migrations", check_migrations, requires=("database",)),
        Check("models", check_models),
        *(
            Check(
                f"replica {number}",
                functools.partial(check_replica, url=url),
                requires=("database",),
            )
            for number, url in enumerate(site.config.read_urls, 1)
        ),
    ]


def check_database(site: Site) -> Iterator[Finding]:
    """Read from the database, without creating it and without waiting long for its server."""
    if missing := _missing(site):
        yield missing
        return
    try:
        migrations.state(site.db, [migrations.CORE])
        site.db.sync.read(lambda: None)
        damage = _damage(site)
    except DatabaseRefused as error:
        detail, _, fix = str(error).partition("\n")
        yield Finding("error", detail, fix)
    except Exception as error:
        if is_damage(error):  # in a page that was read before all of them were checked
            yield _damaged(str(error))
            return
        kind = "" if isinstance(error, DatabaseUnavailable) else f"{type(error).__name__}: "
        detail = f"It cannot be read: {kind}{' '.join(str(error).split()).rstrip('.')}."
        yield Finding("error", detail, FIXES[site.db.dialect])
    else:
        ok = Finding("ok", f"{site.db.dialect} responds.")
        yield _damaged(damage) if damage else ok


def _damaged(how: str) -> Finding:
    return Finding("error", f"The file is damaged: {how}.", "Restore a backup.")


def _damage(site: Site) -> str | None:
    """Return what SQLite finds wrong with its file, as far as it gets in a few seconds."""
    if site.db.dialect != "sqlite":
        return None
    with site.db.engine.shared() as database:
        connection, until = database.connection(), time.monotonic() + TIMEOUT
        connection.set_progress_handler(lambda: time.monotonic() > until, LOOK_EVERY)
        try:
            (found,) = connection.execute("PRAGMA quick_check(1)").fetchone()
        except sqlite3.OperationalError as error:
            if error.sqlite_errorcode == sqlite3.SQLITE_INTERRUPT:
                return None
            raise
    return None if found == "ok" else " ".join(found.split())


def _missing(site: Site) -> Finding | None:
    url = site.config.database_url
    if url.startswith("sqlite:///"):
        if Path(url.removeprefix("sqlite:///")).is_file():
            return None
        fix = f"Create it: `changemaker --site {site.config.site_dir} migrate`"
        return Finding("error", "The file of database_url does not exist.", fix)
    parts = urlsplit(url)
    if not parts.hostname:  # a local socket
        return None
    port = parts.port or 5432
    try:
        socket.create_connection((parts.hostname, port), timeout=TIMEOUT).close()
    except OSError as error:
        detail = f"No server responds at {parts.hostname}:{port}: {error or type(error).__name__}."
        return Finding("error", detail, "Start PostgreSQL, or correct database_url.")
    return None


def check_migrations(site: Site) -> Iterator[Finding]:
    """Compare the migrations that the database has with those of the installed code."""
    state = migrations.state(site.db, site.migration_folders())
    if state.ahead:
        names = ", ".join(map(str, state.ahead))
        detail = f"The database is ahead of the installed code: {names}."
        fix = "Install the packages that contain them, or restore an earlier backup."
        yield Finding("error", detail, fix)
    elif state.behind:
        names = ", ".join(map(str, state.behind))
        detail = f"The database is behind the installed code: {names}."
        fix = f"Make a backup, then run `changemaker --site {site.config.site_dir} migrate`."
        yield Finding("error", detail, fix)
    else:
        yield Finding("ok", "The database matches the installed code.")
    for step in state.edited:
        detail = f"The file of {step} was changed after it was applied; this database has the old."
        yield Finding("warning", detail, "Restore the file. A change is a migration of its own.")


def check_models(site: Site) -> Iterator[Finding]:
    """Compare what the migrations make with the models, in a scratch database in memory."""
    from changemaker_core.db.migrations.checking import problems_of

    for problem in problems_of(site.migration_folders(), site.models()):
        plugin = site.loaded.plugin(problem.plugin)
        fix = "Report it to the authors of the plugin."
        if plugin is not None and plugin.is_developed_here:
            fix = f"Correct the plugin {problem.plugin}."
        yield Finding("warning", f"{problem.plugin}: {problem.text}", fix)


def check_replica(site: Site, url: str) -> Iterator[Finding]:
    """Report a replica's lag, or why it cannot be used. Reads go to the primary meanwhile."""
    from changemaker_core.db.postgresql import replicas

    (state,) = replicas.inspect((url,), site.config.database_url, TIMEOUT)
    if state.concern:
        fix = "Check its server. Until then, reads go to the primary."
        yield Finding("warning", f"{state.host} cannot be used: {state.concern}.", fix)
    else:
        yield Finding("ok", f"{state.host} is {state.lag:.1f} s behind the primary.")
