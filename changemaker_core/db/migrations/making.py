"""Write the next migration from the difference between the models and the history."""

from __future__ import annotations

import contextlib
import re
from dataclasses import dataclass
from types import ModuleType
from typing import TYPE_CHECKING, Any

from changemaker_core.db.context import Unit, running
from changemaker_core.db.errors import MigrationFailed, MigrationsRefused
from changemaker_core.db.fields import JSONField
from changemaker_core.db.migrations.difference import differences
from changemaker_core.db.migrations.folders import (
    Step,
    folder_problems,
    load_migration,
    migration_files,
)
from changemaker_core.db.migrations.migrators import migrator_of
from changemaker_core.db.migrations.operations import (
    AddCheck,
    AddColumn,
    AddIndex,
    AddReference,
    CreateTable,
    DropCheck,
    DropColumn,
    DropIndex,
    DropReference,
    DropTable,
)
from changemaker_core.db.migrations.schema import Scratch, read_schema, schema_of_models
from changemaker_core.db.migrations.source import WIDTH, Source, SourceFile

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence
    from pathlib import Path

    import peewee

    from changemaker_core.db.migrations.folders import MigrationFolder
    from changemaker_core.db.migrations.operations import Operation
    from changemaker_core.db.migrations.schema import Schema

#: Operations that the first line of a file names.
NAMED = 3


@dataclass(frozen=True, slots=True)
class MadeMigration:
    """The next migration of a plugin: its file, its text, what it does, and what may be renames."""

    path: Path
    text: str
    operations: tuple[str, ...]
    renames: tuple[str, ...]

    def write(self) -> None:
        """Write the file. Raises ``FileExistsError`` if there is one of that name by now."""
        self.path.parent.mkdir(exist_ok=True)
        with self.path.open("x", encoding="utf-8", newline="\n") as file:
            try:
                file.write(self.text)
                file.flush()
            except OSError:
                self.path.unlink()
                raise


def make(
    folders: Sequence[MigrationFolder],
    plugin: str,
    models: Sequence[type[peewee.Model]],
    name: str | None = None,
    renames: Mapping[str, str] | None = None,
    values: Mapping[str, Any] | None = None,
) -> MadeMigration | None:
    """Return the next migration of a plugin; None where models and history agree.

    ``folders`` end with the plugin's own; those before it are what its tables may refer to.
    ``renames`` and ``values`` are those of ``differences``. The result was applied to a scratch
    database and undone: it leads to the models and back. Raises ``MigrationsRefused``.
    """
    folder = folders[-1]
    problems = [problem for each in folders for problem in folder_problems(each)]
    if name is not None and not re.fullmatch(r"[a-z0-9]+(_[a-z0-9]+)*", name):
        problems.append(f"{name!r} is no name for a migration: use a-z, 0-9 and _.")
    if problems:
        raise MigrationsRefused(problems)
    before, after = schema_of_history(folders), schema_of_models(models)
    old, new = own_tables(before, plugin), own_tables(after, plugin)
    operations = differences(old, new, renames, model_values(models) | dict(values or {}))
    if not operations:
        return None
    number = len(migration_files(folder)) + 1
    path = folder.path / f"{number:04}_{name or _name(operations, number)}.py"
    text = _source(plugin, [after, before], operations)
    _prove(folders, path, text, plugin, old, new)
    described = tuple(step.describe() for step in operations)
    return MadeMigration(path, text, described, tuple(_likely_renames(operations)))


def drift(
    folders: Sequence[MigrationFolder], models: Mapping[str, Sequence[type[peewee.Model]]]
) -> dict[str, list[str]]:
    """Return what the next migration of each plugin would do; plugins that agree are left out.

    ``models`` are those of each plugin, by its name.
    """
    before = schema_of_history(folders)
    after = schema_of_models([model for each in models.values() for model in each])
    found = {}
    for plugin, own in models.items():
        old, new = own_tables(before, plugin), own_tables(after, plugin)
        try:
            steps = differences(old, new, values=model_values(own))
        except MigrationsRefused as refusal:
            found[plugin] = refusal.problems
        else:
            if steps:
                found[plugin] = [step.describe() for step in steps]
    return found


def schema_of_history(folders: Sequence[MigrationFolder]) -> Schema:
    """Return the schema that applying all migrations gives."""
    with contextlib.closing(Scratch()) as scratch:
        _replay(scratch, folders)
        return read_schema(scratch)


def _replay(scratch: Scratch, folders: Sequence[MigrationFolder]) -> None:
    for folder in folders:
        for path in migration_files(folder):
            try:
                with _migrating(scratch) as migrator:
                    load_migration(path).up(migrator, scratch)
            except Exception as problem:
                raise MigrationFailed(Step(folder.plugin, path.stem), path, problem) from problem


@contextlib.contextmanager
def _migrating(scratch: Scratch) -> Iterator[Any]:
    migrator = migrator_of(scratch)
    with migrator.migration_context(), running(Unit(scratch)):
        yield migrator


def own_tables(schema: Schema, plugin: str) -> Schema:
    """Return a plugin's tables: their names begin with its own."""
    return {name: table for name, table in schema.items() if name.startswith(f"{plugin}_")}


def model_values(models: Sequence[type[peewee.Model]]) -> dict[str, Any]:
    """Return the defaults that a file can name, by ``table.column``."""
    found = {}
    for model in models:
        for field in model._meta.sorted_fields:
            value = field.default
            if value in (dict, list) and isinstance(field, JSONField):
                value = value()
            if isinstance(value, (str, int, float, bool, dict, list)):
                found[f"{model._meta.table_name}.{field.column_name}"] = value
    return found


def _likely_renames(operations: Sequence[Operation]) -> Iterator[str]:
    """Yield what to tell, if a column that is dropped is the one of its type that is added."""
    added = [step for step in operations if isinstance(step, AddColumn)]
    for dropped in operations:
        if isinstance(dropped, DropColumn):
            alike = [
                step.column.name
                for step in added
                if (step.table, step.column.kind) == (dropped.table, dropped.column.kind)
            ]
            if len(alike) == 1:
                yield f"{dropped.table}.{dropped.column.name}={alike[0]}"


def _name(operations: Sequence[Operation], number: int) -> str:
    if number == 1:
        return "initial"
    words = re.findall(r"[a-z0-9]+", _phrases(operations)[0].lower())
    return "_".join(words[:6]) + ("_and_more" if len(operations) > 1 else "")


def _phrases(operations: Sequence[Operation]) -> list[str]:
    """Return what the operations do: what is done to tables and columns first."""
    details = (AddIndex, DropIndex, AddCheck, DropCheck, AddReference, DropReference)
    ordered = sorted(operations, key=lambda step: isinstance(step, details))
    return [step.describe() for step in ordered]


def _source(plugin: str, schemas: Sequence[Schema], operations: Sequence[Operation]) -> str:
    own = [step.schema for step in operations if isinstance(step, CreateTable | DropTable)]
    file = SourceFile(plugin, schemas, own)
    up, down = Source(file), Source(file)
    for step in operations:
        step.write(up)
    for step in reversed(operations):
        step.inverse().write(down)
    return file.text(_title(operations), up, down)


def _title(operations: Sequence[Operation]) -> str:
    phrases = _phrases(operations)
    named = phrases[:NAMED]
    if len(", ".join(named)) > WIDTH - (7 if len(phrases) <= NAMED else 31):
        named = named[:1]
    rest = len(phrases) - len(named)
    text = ", ".join(named) + (f", and {rest} more." if rest else ".")
    return text[:1].upper() + text[1:]


def _prove(
    folders: Sequence[MigrationFolder],
    path: Path,
    text: str,
    plugin: str,
    old: Schema,
    new: Schema,
) -> None:
    """Apply the text to a scratch database, and undo it. Raise where that leads elsewhere."""
    module: Any = ModuleType(path.stem)
    exec(compile(text, str(path), "exec"), vars(module))  # noqa: S102  # just written
    with contextlib.closing(Scratch()) as scratch:
        _replay(scratch, folders)
        for direction, expected in (("up", new), ("down", old)):
            try:
                with _migrating(scratch) as migrator:
                    getattr(module, direction)(migrator, scratch)
            except Exception as problem:
                raise MigrationFailed(Step(plugin, path.stem), path, problem) from problem
            reached = own_tables(read_schema(scratch), plugin)
            if left := differences(reached, expected, values=_AnyValue()):
                steps = ", ".join(step.describe() for step in left)
                raise MigrationsRefused(
                    [
                        f"{plugin}: this change cannot be written: {direction}() would not "
                        f"{steps}. Write that migration by hand, and report the case."
                    ]
                )


class _AnyValue(dict[str, Any]):
    """Has a value, which is not looked at, for every column."""

    def __contains__(self, key: object) -> bool:
        return True
