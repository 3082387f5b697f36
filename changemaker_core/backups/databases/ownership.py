"""What a database of PostgreSQL has beside what is a site's: objects of other roles, and those that
only a superuser may create. They are not dumped, or not restored."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import psycopg2
from psycopg2 import sql

from changemaker_core.backups.errors import BackupError

if TYPE_CHECKING:
    from collections.abc import Iterable

#: Schemas of other roles, such as that of a program that watches the server. The site's role has
#: nothing in them.
_OTHERS = """
SELECT nspname::text FROM pg_namespace
WHERE nspname NOT LIKE 'pg\\_%' AND nspname NOT IN ('information_schema', current_schema())
  AND NOT pg_has_role(nspowner, 'USAGE') AND NOT EXISTS (
    SELECT FROM pg_class WHERE relnamespace = pg_namespace.oid AND pg_has_role(relowner, 'USAGE'))
ORDER BY 1"""
#: Tables, sequences and materialized views that the role may not read, but those of extensions.
_UNREADABLE = """
SELECT nspname::text, relname::text
FROM pg_class JOIN pg_namespace ON pg_namespace.oid = relnamespace
WHERE relkind IN ('r', 'p', 'm', 'S') AND NOT has_table_privilege(pg_class.oid, 'SELECT')
  AND nspname NOT LIKE 'pg\\_%' AND nspname <> 'information_schema'
  AND NOT EXISTS (SELECT FROM pg_depend WHERE classid = 'pg_class'::regclass
    AND objid = pg_class.oid AND deptype = 'e')
ORDER BY 1, 2"""
#: Entries of a dump's list that are of the server, or lead to other servers.
_OF_THE_SERVER = re.compile(
    rb"\d+; \d+ \d+ (?:COMMENT - SCHEMA|(?:COMMENT \S+ )?(?:EXTENSION|PUBLICATION|SUBSCRIPTION"
    rb"|EVENT TRIGGER|FOREIGN DATA WRAPPER|SERVER|USER MAPPING|FOREIGN TABLE)) "
)
_EXTENSION = re.compile(rb"\d+; \d+ \d+ EXTENSION - (\S+)")
#: How many tables an error names.
_NAMED = 5


def schemas_of_others(connection: Any) -> list[str]:
    """Return the schemas that are no part of a backup.

    Raises ``BackupError`` where the role may not read a table of the others.
    """
    cursor = connection.cursor()
    cursor.execute(_OTHERS)
    others = [name for (name,) in cursor.fetchall()]
    cursor.execute(_UNREADABLE)
    unreadable = [
        ".".join(map(quoted, found)) for found in cursor.fetchall() if found[0] not in others
    ]
    if unreadable:
        role, named = connection.info.user, ", ".join(unreadable[:_NAMED])
        more = f" and {len(unreadable) - _NAMED} more" if len(unreadable) > _NAMED else ""
        raise BackupError(
            f"The role {role} may not read {named}{more} of the database.\nMove what is no part of "
            f"the site to a schema of its owner, or let the role: `GRANT SELECT ON {named} TO "
            f"{quoted(role)}`"
        )
    return others


def quoted(name: str) -> str:
    """Return a name in the quotes of SQL, which patterns of ``pg_dump`` have too."""
    return '"' + name.replace('"', '""') + '"'


def restorable(listed: bytes) -> bytes:
    """Return the entries of a dump's list that a site's role can restore."""
    lines = listed.splitlines(keepends=True)
    return b"".join(line for line in lines if not _OF_THE_SERVER.match(line))


def create_extensions(connection: Any, listed: bytes) -> list[str]:
    """Create the extensions of a dump's list; return those that the role may not create, or that
    the server does not have. A site needs few: many are for whoever runs the server."""
    refused = []
    for name in _extensions(listed):
        statement = sql.SQL("CREATE EXTENSION IF NOT EXISTS {}").format(sql.Identifier(name))
        try:
            connection.cursor().execute(statement)
        except psycopg2.Error:
            refused.append(name)
    return refused


def _extensions(listed: bytes) -> Iterable[str]:
    found = (_EXTENSION.match(line) for line in listed.splitlines())
    return [each[1].decode() for each in found if each]
