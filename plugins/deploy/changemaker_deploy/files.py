"""Generated files: rendered from this package's templates, and written all or none."""

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
    """A file's name, without a folder, and its content."""

    name: str
    text: str


def render(template: str, *, marks: tuple[str, str] = ("{{", "}}"), **context: Any) -> str:
    """Render a template of this package. Raises ``UndefinedError`` for a name it is not given.

    ``marks`` enclose its expressions: other ones where the file itself contains these.
    """
    return _environment(*marks).get_template(template).render(**context)


def write(files: Iterable[GeneratedFile], folder: Path, *, force: bool) -> list[Path]:
    """Write all files into ``folder`` and return their paths.

    Raises ``FileExistsError``, and writes none, where one exists already and ``force`` is false.
    """
    texts = {folder / file.name: file.text for file in files}
    if existing := [path for path in texts if path.exists() and not force]:
        raise FileExistsError(str(existing[0]))
    if not folder.is_dir():
        folder.mkdir(parents=True)
        folder.chmod(0o755)
    for path, text in texts.items():
        path.write_text(text, encoding="utf-8")
        path.chmod(0o644)  # read by programs of other users, whatever a site's own umask is
    return list(texts)


@cache
def _environment(begins: str, ends: str) -> Environment:
    from jinja2 import Environment, PackageLoader, StrictUndefined

    return Environment(  # noqa: S701  # configuration files are not HTML
        loader=PackageLoader("changemaker_deploy"),
        undefined=StrictUndefined,
        variable_start_string=begins,
        variable_end_string=ends,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
