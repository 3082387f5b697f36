"""Which migrations a database has: the table ``<plugin>_migrations`` of each plugin."""

from __future__ import annotations

import datetime
from collections import Counter
from typing import TYPE_CHECKING, Any, Literal

import peewee

from changemaker_core.db.context import Unit, running
from changemaker_core.db.errors import MigrationFailed
from changemaker_core.db.migrations.folders import Step, digest, load_migration, migration_files
from changemaker_core.db.migrations.migrators import migrator_of

if TYPE_CHECKING:
    from changemaker_core.db.migrations.folders import MigrationFolder

Direction = Literal["up", "down"]


class History:
    """The history of one plugin in one database.

    The table is that of peewee's ``playhouse.migrations``, with a digest of each file beside its
    name. Histories from before there were digests get them when migrations are next applied.
    """

    def __init__(self, database: peewee.Database, folder: MigrationFolder) -> None:
        self.folder = folder
        self._database = database
        table = f"{folder.plugin}_migrations"

        class Entry(peewee.Model):
            name = peewee.CharField(unique=True)
            applied = peewee.DateTimeField(default=datetime.datetime.now)
            digest = peewee.CharField(max_length=64, null=True)

            class Meta:
                legacy_table_names = False
                table_name = table

        Entry._meta.set_database(database)
        self._entry: Any = Entry
        self._columns = {column.name for column in database.get_columns(table)}
        self.files = {path.stem: path for path in migration_files(folder)}
        #: The names of what is applied, in order, and the digest of each file at that time.
        self.applied = self._read()

    def _read(self) -> dict[str, str | None]:
        if not self._columns:
            return {}
        fields = [self._entry.name]
        if "digest" in self._columns:
            fields.append(self._entry.digest)
        rows = self._entry.select(*fields).order_by(self._entry.name).tuples()
        return {name: known[0] if known else None for name, *known in rows}

    @property
    def behind(self) -> list[Step]:
        """The migrations of the folder that are not applied."""
        return [self.step(name) for name in self.files if name not in self.applied]

    @property
    def ahead(self) -> list[Step]:
        """The applied migrations that the folder does not have."""
        return [self.step(name) for name in self.applied if name not in self.files]

    @property
    def edited(self) -> list[Step]:
        """The migrations whose file changed after it was applied."""
        return [
            self.step(name)
            for name, known in self.applied.items()
            if known and name in self.files and digest(self.files[name]) != known
        ]

    def step(self, name: str) -> Step:
        """Return a migration of this plugin by name."""
        return Step(self.folder.plugin, name)

    def prepare(self) -> None:
        """Create the table, or bring an older one up to date."""
        if not self._columns:
            self._entry.create_table()
            self._columns = set(self._entry._meta.columns)
        if "digest" not in self._columns:
            migrator = migrator_of(self._database)
            table = self._entry._meta.table_name
            migrator.migrate(migrator.add_column(table, "digest", self._entry.digest))
            self._columns.add("digest")
        for name in [name for name, known in self.applied.items() if known is None]:
            if name in self.files:
                known = self.applied[name] = digest(self.files[name])
                self._entry.update(digest=known).where(self._entry.name == name).execute()

    def run(self, name: str, direction: Direction) -> Step:
        """Apply or undo one migration, and record it, in one transaction."""
        step = self.step(name)
        atomic = True
        try:
            known = digest(self.files[name])
            module = load_migration(self.files[name])
            atomic = getattr(module, "atomic", True)
            migrator = migrator_of(self._database)
            with migrator.migration_context(atomic), running(Unit(self._database)):
                orphans = self._orphans()
                # Models in a migration use the current database, as all models do.
                getattr(module, direction)(migrator, self._database)
                self._refuse_orphans(orphans)
                self._record(name, direction, known)
        except Exception as problem:
            path = self.files.get(name)
            raise MigrationFailed(step, path, problem, undone=atomic) from problem
        return step

    def _record(self, name: str, direction: Direction, known: str) -> None:
        if direction == "up":
            self._entry.create(name=name, digest=known)
            self.applied[name] = known
        else:
            self._entry.delete().where(self._entry.name == name).execute()
            del self.applied[name]

    def _orphans(self) -> Counter[tuple[str, str]]:
        """Count the rows that refer to no row, by table and what they refer to.

        PostgreSQL checks this by itself; SQLite's check is off while a table is rebuilt.
        """
        if not isinstance(self._database, peewee.SqliteDatabase):
            return Counter()
        rows = self._database.execute_sql("PRAGMA foreign_key_check").fetchall()
        return Counter((table, parent) for table, _, parent, _ in rows)

    def _refuse_orphans(self, before: Counter[tuple[str, str]]) -> None:
        for (table, parent), count in (self._orphans() - before).items():
            raise ValueError(f"{count} rows of {table} would refer to missing rows of {parent}")
