"""Bring a database up to date, or back: folder by folder, one process at a time."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from changemaker_core.db.dialects import Sqlite
from changemaker_core.db.errors import DatabaseAhead, MigrationsRefused
from changemaker_core.db.migrations.folders import (
    CORE,
    MigrationFolder,
    Step,
    folder_problems,
    migration_files,
)
from changemaker_core.db.migrations.history import History
from changemaker_core.db.sqlite.preparing import refuse_foreign
from changemaker_core.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    import peewee

    from changemaker_core.db.database import Database


@dataclass(frozen=True, slots=True)
class State:
    """The difference between a database and the code: all empty where they agree.

    ``behind``: in the code and not applied. ``ahead``: applied and not in the code. ``edited``:
    the file is another one than was applied.
    """

    behind: tuple[Step, ...] = ()
    ahead: tuple[Step, ...] = ()
    edited: tuple[Step, ...] = ()


@dataclass(frozen=True, slots=True)
class Target:
    """A place in a plugin's history: after the migration with this number; 0 is before all."""

    plugin: str
    number: int


def state(db: Database, folders: Sequence[MigrationFolder]) -> State:
    """Compare the database with the migrations in ``folders``. Changes nothing."""
    with db.engine.shared() as database:
        histories = _histories(database, folders)
    return State(
        tuple(step for history in histories for step in history.behind),
        tuple(step for history in histories for step in history.ahead),
        tuple(step for history in histories for step in history.edited),
    )


def plan(db: Database, folders: Sequence[MigrationFolder], to: Target | None = None) -> list[Step]:
    """Return the steps that ``apply`` would do, in its order. Changes nothing."""
    with db.engine.shared() as database:
        return _missing(_histories(database, _up_to(folders, to)), to)


def apply(
    db: Database,
    folders: Sequence[MigrationFolder],
    on_step: Callable[[Step], None] = lambda step: None,
    to: Target | None = None,
) -> list[Step]:
    """Apply missing migrations, folder by folder in the order given, and return the steps done.

    Each migration is a transaction. Of several processes one works and the others wait for it.
    ``to`` ends at a migration, with all of the folders before its plugin's. ``on_step`` is called
    after each step. Raises :class:`MigrationFailed` with the file and line, :class:`DatabaseAhead`,
    and :class:`MigrationsRefused` for files with wrong names or numbers; both before any step.
    """
    wanted = _up_to(folders, to)
    _refuse_problems(wanted)
    done: list[Step] = []
    with db.engine.exclusive() as database:
        histories = _histories(database, wanted)
        missing = _missing(histories, to)
        for history in histories:
            history.prepare()
            for step in missing:
                if step.plugin == history.folder.plugin:
                    done.append(history.run(step.name, "up"))
                    on_step(done[-1])
    return done


def plan_back(db: Database, folder: MigrationFolder, number: int | None = None) -> list[Step]:
    """Return the steps that ``revert`` would do, in its order. Changes nothing."""
    with db.engine.shared() as database:
        return _to_undo(History(database, folder), number)


def revert(
    db: Database,
    folder: MigrationFolder,
    number: int | None = None,
    on_step: Callable[[Step], None] = lambda step: None,
) -> list[Step]:
    """Undo the newest applied migration of a plugin, or each one after ``number`` (0: all).

    Returns the steps done, and raises as ``apply`` does.
    """
    _refuse_problems([folder])
    done: list[Step] = []
    with db.engine.exclusive() as database:
        history = History(database, folder)
        history.prepare()
        for step in _to_undo(history, number):
            done.append(history.run(step.name, "down"))
            on_step(done[-1])
    return done


def revert_all(db: Database, folders: Sequence[MigrationFolder]) -> list[Step]:
    """Undo everything, in the reverse of the order in which ``apply`` takes ``folders``."""
    return [step for folder in reversed(folders) for step in revert(db, folder, 0)]


def folder_of(folders: Sequence[MigrationFolder], plugin: str) -> MigrationFolder:
    """Return the folder of a plugin. Raises :class:`MigrationsRefused` where there is none."""
    for folder in folders:
        if folder.plugin == plugin:
            return folder
    names = [folder.plugin for folder in folders]
    raise MigrationsRefused([f"No plugin {plugin!r} has migrations.{did_you_mean(plugin, names)}"])


def _histories(database: peewee.Database, folders: Sequence[MigrationFolder]) -> list[History]:
    """Return the history of each folder. Raises ``DatabaseRefused`` for another program's file."""
    histories = [History(database, folder) for folder in folders]
    is_new = any(each.folder == CORE and not each.applied for each in histories)
    if is_new and isinstance(database, Sqlite):
        refuse_foreign(Path(database.database), database.get_tables())
    return histories


def _missing(histories: Sequence[History], to: Target | None) -> list[Step]:
    """Return what is behind, up to a target. Refuses a database that is ahead."""
    _refuse_ahead(histories)
    steps = [step for history in histories for step in history.behind]
    if to is None:
        return steps
    newest = max(
        (Step(to.plugin, name) for name in histories[-1].applied), key=_number, default=None
    )
    if newest is not None and newest.number > to.number:
        fix = f"To undo the later ones, run `changemaker migrate --back {to.plugin}:{to.number}`."
        raise MigrationsRefused([f"The database already has {newest}. {fix}"])
    return [step for step in steps if step.plugin != to.plugin or step.number <= to.number]


def _to_undo(history: History, number: int | None) -> list[Step]:
    _refuse_ahead([history])
    applied = [history.step(name) for name in reversed(history.applied)]
    if number is None:
        return applied[:1]
    _refuse_unknown(history.folder, number)
    return [step for step in applied if step.number > number]


def _up_to(folders: Sequence[MigrationFolder], to: Target | None) -> Sequence[MigrationFolder]:
    if to is None:
        return folders
    folder = folder_of(folders, to.plugin)
    _refuse_unknown(folder, to.number)
    return folders[: folders.index(folder) + 1]


def _refuse_unknown(folder: MigrationFolder, number: int) -> None:
    numbers = {Step(folder.plugin, path.stem).number for path in migration_files(folder)}
    if number and number not in numbers:
        detail = f"{folder.plugin} has no migration {number:04}: it has {len(numbers)}, in"
        raise MigrationsRefused([f"{detail} {folder.path}."])


def _refuse_problems(folders: Sequence[MigrationFolder]) -> None:
    if problems := [problem for folder in folders for problem in folder_problems(folder)]:
        raise MigrationsRefused(problems)


def _refuse_ahead(histories: Sequence[History]) -> None:
    if ahead := [str(step) for history in histories for step in history.ahead]:
        raise DatabaseAhead(ahead)


def _number(step: Step) -> int:
    return step.number
