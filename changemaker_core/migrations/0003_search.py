"""``core_fold``, by which PostgreSQL searches; SQLite has it from each process."""

from __future__ import annotations

from typing import Any

import peewee

#: As ``changemaker_core.db.folding.fold``: lower case, without accents.
_FOLD = (
    "replace(replace(replace(replace(translate(lower(regexp_replace("
    "normalize($1, NFKD), '[\\u0300-\\u036f]', '', 'g'){collation}),"
    " 'øłđħ\N{LATIN SMALL LETTER DOTLESS I}\N{GREEK SMALL LETTER FINAL SIGMA}',"
    " 'oldhi\N{GREEK SMALL LETTER SIGMA}'), 'ß', 'ss'), 'æ', 'ae'), 'œ', 'oe'), 'þ', 'th')"
)
_ICU = "SELECT 1 FROM pg_collation WHERE collname = 'und-x-icu'"


def up(migrator: Any, db: peewee.Database) -> None:
    """Create the function, with the rules of ICU where the server has them."""
    if isinstance(db, peewee.SqliteDatabase):
        return
    has_icu = db.execute_sql(_ICU).fetchone() is not None
    fold = _FOLD.format(collation=' COLLATE "und-x-icu"' if has_icu else "")
    db.execute_sql(
        "CREATE FUNCTION core_fold(text) RETURNS text LANGUAGE sql IMMUTABLE PARALLEL SAFE"
        f" AS $fold$ SELECT {fold} $fold$"
    )


def down(migrator: Any, db: peewee.Database) -> None:
    """Drop it."""
    if not isinstance(db, peewee.SqliteDatabase):
        db.execute_sql("DROP FUNCTION core_fold(text)")
