"""Schema changes: one history for each plugin, applied in order, one process at a time.

A migration is ``NNNN_name.py`` with ``up(migrator, db)`` and ``down(migrator, db)``, in which
models are declared inline, frozen, deriving from ``changemaker_core.Model``:

>>> def up(migrator, db):
...     db.create_tables([Campaign])
>>> def down(migrator, db):
...     db.drop_tables([Campaign])
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from playhouse.migrations import Migration, Runner

from changemaker_core.db.context import Unit, running
from changemaker_core.db.errors import MigrationFailed

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import peewee

    from changemaker_core.db.database import Database


@dataclass(frozen=True, slots=True)
class MigrationFolder:
    """A plugin's migrations. Its history is the table ``<plugin>_migrations``."""

    plugin: str
    path: Path


@dataclass(frozen=True, slots=True)
class Step:
    """One migration of one plugin."""

    plugin: str
    name: str


@dataclass(frozen=True, slots=True)
class State:
    """The difference between a database and the code: both empty where they agree.

    ``behind``: in the code and not applied. ``ahead``: applied and not in the code.
    """

    behind: tuple[Step, ...]
    ahead: tuple[Step, ...]


#: Core's own migrations.
CORE = MigrationFolder("core", Path(__file__).parent.parent / "migrations")


def plan(db: Database, folders: Sequence[MigrationFolder]) -> list[Step]:
    """Return the steps that ``apply`` would do, in its order. Changes nothing."""
    return list(state(db, folders).behind)


def state(db: Database, folders: Sequence[MigrationFolder]) -> State:
    """Compare the database with the migrations in ``folders``. Changes nothing."""
    behind: list[Step] = []
    ahead: list[Step] = []
    with db.engine.shared() as database:
        for folder in folders:
            for migration in _runner(database, folder).status():
                step = Step(folder.plugin, migration.name)
                if migration.path is None:
                    ahead.append(step)
                elif migration.applied is None:
                    behind.append(step)
    return State(tuple(behind), tuple(ahead))


def apply(
    db: Database,
    folders: Sequence[MigrationFolder],
    on_step: Callable[[Step], None] = lambda step: None,
) -> list[Step]:
    """Apply missing migrations, folder by folder in the order given, and return the steps done.

    Each migration is a transaction. Of several processes one works and the others wait for it.
    ``on_step`` is called after each step.
    """
    done: list[Step] = []
    with db.engine.exclusive() as database:
        for folder in folders:
            runner = _runner(database, folder)
            for migration in runner.status():
                if migration.applied is None:
                    _run(folder, runner.up, migration)
                    done.append(Step(folder.plugin, migration.name))
                    on_step(done[-1])
    return done


def revert(db: Database, folder: MigrationFolder, down_to: str | None = None) -> list[Step]:
    """Undo the newest applied migration, or everything back through ``down_to``."""
    with db.engine.exclusive() as database:
        return _revert(database, folder, down_to)


def revert_all(db: Database, folders: Sequence[MigrationFolder]) -> list[Step]:
    """Undo everything, in the reverse of the order in which ``apply`` takes ``folders``."""
    done: list[Step] = []
    with db.engine.exclusive() as database:
        for folder in reversed(folders):
            applied = [m for m in _runner(database, folder).status() if m.applied]
            if applied:
                done += _revert(database, folder, applied[0].name)
    return done


def _revert(database: peewee.Database, folder: MigrationFolder, down_to: str | None) -> list[Step]:
    runner = _runner(database, folder)
    applied = [migration for migration in runner.status() if migration.applied]
    if down_to is not None and down_to not in {migration.name for migration in applied}:
        raise MigrationFailed(folder.plugin, ValueError(f"{down_to} is not an applied migration"))
    done: list[Step] = []
    for migration in reversed(applied):
        _run(folder, runner.down, migration)
        done.append(Step(folder.plugin, migration.name))
        if down_to in (None, migration.name):
            break
    return done


def _runner(database: peewee.Database, folder: MigrationFolder) -> Any:
    return Runner(database, str(folder.path), table_name=f"{folder.plugin}_migrations")


def _run(folder: MigrationFolder, direction: Callable[[str], object], migration: Migration) -> None:
    runner: Any = direction.__self__  # type: ignore[attr-defined]  # always a Runner's method
    try:
        # Models in a migration use the current database, as all models do.
        with running(Unit(runner.database)):
            direction(migration.name)
    except Exception as problem:
        raise MigrationFailed(folder.plugin, problem) from problem
