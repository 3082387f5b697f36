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
    for file in sorted(folder.rglob("*.py")):
        text = file.read_text(encoding="utf-8")
        if "TemplateResponse" not in text and "templates.render" not in text:
            continue
        for node in ast.walk(ast.parse(text, file)):
            if isinstance(node, ast.Call) and node.args and _names_template(node.func):
                name = node.args[0]
                if isinstance(name, ast.Constant) and isinstance(name.value, str):
                    yield file, name.lineno, name.value


def _names_template(function: ast.expr) -> bool:
    called = ast.unparse(function)
    return called.rpartition(".")[2] == "TemplateResponse" or called.endswith("templates.render")
