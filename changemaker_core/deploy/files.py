"""Files made from the templates of this package."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from jinja2 import Environment


@dataclass(frozen=True, slots=True)
class GeneratedFile:
    """A file's name, without a folder, and what it says."""

    name: str
    text: str


def render(template: str, **context: Any) -> str:
    """The text of a template of this package; a name that it asks for and lacks is an error."""
    return _environment().get_template(template).render(**context)


def write(files: Iterable[GeneratedFile], folder: Path, *, force: bool) -> list[Path]:
    """Write all files, or none: raises ``FileExistsError`` where one is there, unless ``force``."""
    wanted = [(folder / file.name, file.text) for file in files]
    there = [path for path, _ in wanted if path.exists()]
    if there and not force:
        raise FileExistsError(str(there[0]))
    folder.mkdir(parents=True, exist_ok=True)
    for path, text in wanted:
        path.write_text(text, encoding="utf-8")
    return [path for path, _ in wanted]


@cache
def _environment() -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(  # noqa: S701  # configuration files, which are no HTML
        loader=PackageLoader("changemaker_core.deploy"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
