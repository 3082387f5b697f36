"""A plugin's folder of migrations: its files, their numbers, and what is wrong with them."""

from __future__ import annotations

import ast
import hashlib
import importlib.util
import re
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from types import ModuleType

#: A migration's file name without its suffix: four digits, and what it does.
NAME = re.compile(r"(?P<number>\d{4})_[a-z0-9]+(_[a-z0-9]+)*")


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

    @property
    def number(self) -> int:
        """Its place in the plugin's history, from 1; 0 where the name has none."""
        found = re.match(r"\d+", self.name)
        return int(found[0]) if found else 0

    def __str__(self) -> str:
        return f"{self.plugin} {self.name}"


#: Core's own migrations.
CORE = MigrationFolder("core", Path(__file__).parents[2] / "migrations")


def migration_files(folder: MigrationFolder) -> list[Path]:
    """Return the files of the migrations, in the order in which they are applied."""
    found = (path for path in folder.path.glob("*.py") if path.stem != "__init__")
    return sorted(found, key=lambda path: path.name)


def digest(path: Path) -> str:
    """Return a digest of a migration's text: equal for LF and CRLF line ends."""
    text = path.read_bytes().removeprefix(b"\xef\xbb\xbf").replace(b"\r\n", b"\n")
    return hashlib.sha256(text).hexdigest()


def folder_problems(folder: MigrationFolder) -> list[str]:
    """Return what is wrong with the files of a folder, one sentence each. Runs none of them."""
    files = migration_files(folder)
    named = [path for path in files if NAME.fullmatch(path.stem)]
    return [
        *(
            f"{path} is not named as a migration is. Rename it, such as to 0001_initial.py."
            for path in files
            if path not in named
        ),
        *_number_problems(named),
        *(problem for path in named for problem in _content_problems(path)),
    ]


def _number_problems(files: Iterable[Path]) -> Iterator[str]:
    expected = 1
    previous: Path | None = None
    for path in files:
        number = int(path.name[:4])
        if previous is not None and number == expected - 1:
            yield f"{path} has the number of {previous.name}. Give the later one the next number."
            continue
        if number != expected:
            yield f"{path} has the number {number:04} where {expected:04} is next. Renumber it."
        expected, previous = number + 1, path


def _content_problems(path: Path) -> Iterator[str]:
    try:
        tree = ast.parse(path.read_bytes(), str(path))
    except (SyntaxError, ValueError) as error:  # ValueError: null bytes
        line = getattr(error, "lineno", None)
        yield f"{path}, line {line or 1}: {getattr(error, 'msg', error)}."
        return
    functions = {node.name for node in tree.body if isinstance(node, ast.FunctionDef)}
    for name in ("up", "down"):
        if name not in functions:
            yield f"{path} has no {name}(migrator, db). Add it."


def load_migration(path: Path) -> ModuleType:
    """Run a migration's file as a module of its own, outside of ``sys.modules``."""
    spec = importlib.util.spec_from_file_location(path.stem, path)
    assert spec is not None and spec.loader is not None  # noqa: S101  # a .py file has both
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
