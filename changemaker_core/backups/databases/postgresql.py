"""PostgreSQL: ``pg_dump`` and ``pg_restore``, in one snapshot and in one transaction."""

from __future__ import annotations

import contextlib
import math
import os
import re
import secrets
import select
import shutil
import subprocess
import tempfile
import zlib
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any
from urllib.parse import quote, urlencode

import psycopg2
from psycopg2.extensions import make_dsn, parse_dsn

from changemaker_core.backups.databases.facts import read_facts
from changemaker_core.backups.databases.ownership import (
    create_extensions,
    quoted,
    restorable,
    schemas_of_others,
)
from changemaker_core.backups.errors import BackupError
from changemaker_core.db.postgresql.addresses import session_options, timeout_options
from changemaker_core.db.postgresql.errors import message_of

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from changemaker_core.backups.manifest import DatabaseFacts

#: Where Debian's packages put the programs of each version.
_DEBIAN = Path("/usr/lib/postgresql")
#: How long ``pg_dump`` waits for a table that a migration has locked, in seconds.
LOCK_SECONDS = 60
#: How long the server may be silent while it is dumped: longer than it waits for a lock.
SILENT_SECONDS = 600.0
_CHUNK = 1 << 20
#: The end of what a program says on standard error, in characters.
_SAID = 2000
_SNAPSHOT = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
#: What makes a database one that is not empty: anything in it that is not of an extension.
_CONTENT = """
SELECT relname::text FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend WHERE objid = pg_class.oid AND deptype = 'e')
ORDER BY relkind <> 'r', 1 LIMIT 3"""
#: From this version on, programs set ``transaction_timeout`` in a restore, which fails on servers
#: that do not know it; and only programs of this version read their dumps.
_SETS_TIMEOUT = 17
#: What PostgreSQL says when the role may not create a database.
_NO_PRIVILEGE = "42501"


def copy_postgresql(url: str, into: Path, on_bytes: Callable[[int], None]) -> DatabaseFacts:
    """Dump the database at ``url`` into a new file, and return what is in the dump.

    Rows are counted in the snapshot that is dumped. Raises ``BackupError``.
    """
    with opened(url) as connection:
        program = find_programs("pg_dump", connection.info.server_version // 10_000)[0]
        cursor = connection.cursor()
        cursor.execute(_SNAPSHOT)
        cursor.execute("SELECT pg_export_snapshot()")
        options = [
            "--format=custom",
            f"--snapshot={cursor.fetchone()[0]}",
            f"--lock-wait-timeout={LOCK_SECONDS * 1000}",
            "--no-password",
            *(f"--exclude-schema={quoted(name)}" for name in schemas_of_others(connection)),
        ]
        with into.open("xb") as file, _running([program, *options], url, out=True) as dump:
            # Through a pipe, so that it ends where this process is killed.
            while data := _read(dump):
                file.write(data)
                on_bytes(len(data))
        return postgresql_facts(connection)


def _read(dump: IO[bytes]) -> bytes:
    """Return what comes next. Raises ``BackupError`` where nothing does for long."""
    if not select.select([dump], [], [], SILENT_SECONDS)[0]:
        raise BackupError(
            f"The server of the database has sent nothing for {SILENT_SECONDS:g} s. Look at its "
            "log, and make the backup again."
        )
    return os.read(dump.fileno(), _CHUNK)


def load_postgresql(url: str, dump: Path) -> None:
    """Load a dump into the empty database at ``url``, in one transaction.

    Raises ``BackupError`` for a database that is not empty.
    """
    with opened(url) as connection:
        refuse_content(connection)
        programs = find_programs("pg_restore", connection.info.server_version // 10_000)
        program, listed = _list(programs, dump)
        refused = create_extensions(connection, listed)
    options = ["--single-transaction", "--exit-on-error", "--no-owner", "--no-privileges"]
    options += ["--no-security-labels", "--no-tablespaces", "--no-password"]
    with tempfile.NamedTemporaryFile() as entries:
        entries.write(restorable(listed))
        entries.flush()
        options += [f"--use-list={entries.name}", f"--dbname={_without_password(url)}"]
        try:
            with _running([program, *options, str(dump)], url):
                pass
        except BackupError as error:
            if not refused:
                raise
            raise BackupError(
                f"{error}\nThe role could not create the extensions {', '.join(refused)}. If the "
                "site needs one, have a superuser create it in an empty database first, and name "
                "that with --database-url."
            ) from error


def check_postgresql(url: str) -> DatabaseFacts:
    """Return what the database at ``url`` has."""
    with opened(url) as connection:
        connection.cursor().execute(_SNAPSHOT)
        return postgresql_facts(connection)


def refuse_content(connection: Any) -> None:
    """Raise ``BackupError`` for a database in which something is."""
    cursor = connection.cursor()
    cursor.execute(_CONTENT)
    if found := [name for (name,) in cursor.fetchall()]:
        name = connection.info.dbname
        raise BackupError(
            f"The database {name} is not empty: it has {', '.join(found)}.\n"
            "Create an empty one, and name it with --database-url: `createdb --encoding=UTF8 "
            "--locale=C.UTF-8 --template=template0 NAME`"
        )


def postgresql_facts(connection: Any) -> DatabaseFacts:
    """Return what a backup records of an open database."""

    def run(sql: str) -> list[Any]:
        cursor = connection.cursor()
        cursor.execute(sql)
        found: list[Any] = cursor.fetchall()
        return found

    version = run("SHOW server_version")[0][0].split()[0]
    return read_facts(run, "postgresql", version)


@contextlib.contextmanager
def opened(url: str) -> Iterator[Any]:
    """Connect to a database; statements are committed one by one. Raises ``BackupError``."""
    try:
        connection = psycopg2.connect(url, **session_options(url))
        connection.autocommit = True
        with contextlib.closing(connection):
            yield connection
    except psycopg2.Error as error:
        raise BackupError(f"The database cannot be used: {message_of(error)}") from error


def find_programs(name: str, server: int) -> list[str]:
    """Return the paths of ``pg_dump`` or ``pg_restore`` that fit a server of a version, that of its
    own version first.

    Raises ``BackupError`` with the package to install where there is none.
    """
    found = {path: _version(path) for path in _candidates(name)}
    fix = f"Install that of version {server}: `apt-get install postgresql-client-{server}`"
    if not found:
        raise BackupError(f"{name} of PostgreSQL is not installed.\n{fix}")
    until = math.inf if server >= _SETS_TIMEOUT else _SETS_TIMEOUT
    if fitting := [path for path in found if server <= found[path] < until]:
        return sorted(fitting, key=found.__getitem__)
    newest = max(found.values())
    why = (
        f"Its dumps cannot be restored to servers older than {_SETS_TIMEOUT}."
        if newest > server
        else "An older program cannot read it."
    )
    raise BackupError(
        f"{name} is of version {newest}, and the server is PostgreSQL {server}. {why}\n{fix}, from "
        "apt.postgresql.org if your system has none."
    )


def _list(programs: list[str], dump: Path) -> tuple[str, bytes]:
    """Return the first ``pg_restore`` that knows the format of a dump, and the dump's entries.

    The dump may have been made by a later program. Raises ``BackupError`` with what the last one
    says of it where none knows it.
    """
    for program in programs:
        listed = subprocess.run(  # noqa: S603  # one of PostgreSQL's own programs
            [program, "--list", str(dump)], capture_output=True, check=False
        )
        if listed.returncode == 0:
            return program, listed.stdout
    said = listed.stderr.decode(errors="replace").strip()
    raise BackupError(f"pg_restore ended with status {listed.returncode}: {said}")


def _candidates(name: str) -> Iterator[str]:
    # First, since what Debian has on the path chooses a version by what it is called with.
    for folder in sorted(_DEBIAN.glob("*/bin")):
        if (folder / name).is_file():
            yield str(folder / name)
    if on_path := shutil.which(name):
        yield on_path


def _version(program: str) -> int:
    said = subprocess.run(  # noqa: S603  # one of PostgreSQL's own programs
        [program, "--version"], capture_output=True, text=True, timeout=30, check=False
    ).stdout
    found = re.search(r"\(PostgreSQL\)\s+(\d+)", said)
    return int(found[1]) if found else 0


def _without_password(url: str) -> str:
    """Return an address for a command line, which every user of the machine can read."""
    parts = {k: v for k, v in parse_dsn(url).items() if k != "password"}
    if "sslpassword" in parts:
        raise BackupError(
            "database_url has an sslpassword, which pg_dump could only be told on its command "
            "line. Store the key of the client's certificate without a password."
        )
    return str(make_dsn(**{**timeout_options(url), **parts}))


def _environment(url: str) -> dict[str, str]:
    password = parse_dsn(url).get("password")
    kept = {**os.environ, "LC_ALL": "C.UTF-8", "PGAPPNAME": "changemaker"}
    return {**kept, "PGPASSWORD": password} if password else kept


@contextlib.contextmanager
def _running(command: list[str], url: str, *, out: bool = False) -> Iterator[IO[bytes]]:
    """Run a program; return its output. Raises ``BackupError`` with what it said."""
    if out:
        command = [*command, f"--dbname={_without_password(url)}"]
    with tempfile.TemporaryFile() as errors:
        process = subprocess.Popen(  # noqa: S603  # one of PostgreSQL's own programs
            command,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            bufsize=0,
            stderr=errors,
            env=_environment(url),
        )
        try:
            assert process.stdout is not None  # noqa: S101  # a pipe
            yield process.stdout
            process.stdout.read()
        except BaseException:
            process.kill()
            raise
        finally:
            process.wait()
            if process.stdout is not None:
                process.stdout.close()
        if process.returncode:
            errors.seek(max(0, errors.seek(0, os.SEEK_END) - _SAID))
            said = errors.read().decode(errors="replace").strip()
            name = Path(command[0]).name
            raise BackupError(f"{name} ended with status {process.returncode}: {said}")


@contextlib.contextmanager
def scratch_database(url: str) -> Iterator[str]:
    """Create a database on the server of ``url``; return its URL, and drop it at the end.

    One that a killed process left behind is dropped by the next. Raises ``BackupError``, also where
    the role may not create databases.
    """
    with opened(url) as connection:
        cursor = connection.cursor()
        prefix = f"changemaker_drill_{zlib.crc32(connection.info.dbname.encode()):08x}_"
        _drop_left(cursor, prefix)
        name = prefix + secrets.token_hex(4)
        # Held until this connection ends, however it does: by it the next one knows what is left.
        cursor.execute("SELECT pg_advisory_lock(hashtext(%s))", (name,))
        try:
            cursor.execute(f"CREATE DATABASE {name} TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'")
        except psycopg2.Error as error:
            if error.pgcode != _NO_PRIVILEGE:
                raise
            user = connection.info.user
            raise BackupError(
                f"The role {user} may not create a database to restore into. Name an address with "
                f"--scratch-url whose role may, or let it: `ALTER ROLE {user} CREATEDB`"
            ) from error
        try:
            yield _url_of(url, name)
        finally:
            cursor.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)")


def _drop_left(cursor: Any, prefix: str) -> None:
    cursor.execute(
        "SELECT datname::text FROM pg_database WHERE starts_with(datname::text, %s)"
        " AND pg_has_role(datdba, 'USAGE')",
        (prefix,),
    )
    for (name,) in cursor.fetchall():
        cursor.execute("SELECT pg_try_advisory_lock(hashtext(%s))", (name,))
        if cursor.fetchone() == (True,):
            cursor.execute(f'DROP DATABASE IF EXISTS "{name}" WITH (FORCE)')
            cursor.execute("SELECT pg_advisory_unlock(hashtext(%s))", (name,))


def _url_of(url: str, name: str) -> str:
    """Return the address of another database of the same server."""
    parts = {k: v for k, v in parse_dsn(url).items() if k != "dbname"}
    return f"postgresql:///{name}?{urlencode(parts, quote_via=quote)}"
