"""The versions in force are found by an index, however long the history."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import peewee
    from playhouse.migrate import SchemaMigrator


def up(migrator: SchemaMigrator, db: peewee.Database) -> None:
    columns = ("is_current", "name", "language")
    migrator.migrate(migrator.add_index("mailtemplates_version", columns))


def down(migrator: SchemaMigrator, db: peewee.Database) -> None:
    index = "mailtemplates_version_is_current_name_language"
    migrator.migrate(migrator.drop_index("mailtemplates_version", index))
