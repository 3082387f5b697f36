"""What is wrong with migrations before they meet a database: for ``doctor`` and for CI."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from changemaker_core.db.errors import MigrationFailed
from changemaker_core.db.migrations.folders import folder_problems
from changemaker_core.db.migrations.making import drift

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import peewee

    from changemaker_core.db.migrations.folders import MigrationFolder


@dataclass(frozen=True, slots=True)
class MigrationProblem:
    """A problem of one plugin's migrations, as a sentence."""

    plugin: str
    text: str


def problems_of(
    folders: Sequence[MigrationFolder], models: Mapping[str, Sequence[type[peewee.Model]]]
) -> list[MigrationProblem]:
    """Return the problems of files and their numbers; where there are none, those of the schema."""
    found = [
        MigrationProblem(folder.plugin, problem)
        for folder in folders
        for problem in folder_problems(folder)
    ]
    return found or list(_drift(folders, models))


def _drift(
    folders: Sequence[MigrationFolder], models: Mapping[str, Sequence[type[peewee.Model]]]
) -> Iterator[MigrationProblem]:
    try:
        found = drift(folders, models)
    except MigrationFailed as failure:
        yield MigrationProblem(failure.plugin, str(failure))
        return
    for plugin, steps in found.items():
        detail = "Its migrations do not make what its models are; the next one would: "
        fix = f"Run `changemaker migrations make {plugin}`."
        yield MigrationProblem(plugin, f"{detail}{'; '.join(steps)}. {fix}")
