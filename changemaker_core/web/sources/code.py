"""The templates that Python code names, read from the source: nothing is imported."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path


def named_templates(folder: Path) -> Iterator[tuple[Path, int, str]]:
    """Yield file, line and name of each template that a package's code names as a constant.

    That is the first argument of ``TemplateResponse(…)`` and of ``….templates.render(…)``.
    """
    for file, call in calls_in(folder, "TemplateResponse", "templates.render"):
        name = call.args[0]
        if _names_template(call.func) and isinstance(name, ast.Constant):
            if isinstance(name.value, str):
                yield file, name.lineno, name.value


def calls_in(folder: Path, *words: str) -> Iterator[tuple[Path, ast.Call]]:
    """Yield the calls with an argument in those files of a package that contain one of ``words``.

    A file that is no Python, such as a skeleton, has none.
    """
    for file in sorted(folder.rglob("*.py")):
        try:
            text = file.read_text(encoding="utf-8")
            tree = ast.parse(text, file) if any(word in text for word in words) else None
        except (SyntaxError, ValueError):
            continue
        for node in ast.walk(tree) if tree is not None else ():
            if isinstance(node, ast.Call) and node.args:
                yield file, node


def _names_template(function: ast.expr) -> bool:
    called = ast.unparse(function)
    return called.rpartition(".")[2] == "TemplateResponse" or called.endswith("templates.render")
