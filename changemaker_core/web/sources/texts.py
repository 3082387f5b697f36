"""Texts that a plugin shows and its catalogues do not translate: found in the source."""

from __future__ import annotations

import ast
from typing import TYPE_CHECKING, Final

from jinja2 import nodes

from changemaker_core.web.sources.catalogues import parse
from changemaker_core.web.sources.code import calls_in
from changemaker_core.web.sources.problem import SourceProblem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from changemaker_core.web.sources.tree import Tree

#: How many of the texts that lack a translation are named.
NAMED: Final = 10
#: The functions that take a text to translate; of a plural, its first form stands for both.
_IN_CODE: Final = frozenset({"Text", "ngettext"})
_IN_TEMPLATES: Final = frozenset({"_", "ngettext"})


def texts_of_code(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield each constant text in a package's code, and its place: ``pages.py:12``."""
    for file, call in calls_in(folder, *(f"{name}(" for name in _IN_CODE)):
        text = call.args[0]
        if _called(call.func) in _IN_CODE and isinstance(text, ast.Constant):
            if isinstance(text.value, str):
                yield text.value, f"{file.name}:{text.lineno}"


def _called(function: ast.expr) -> str:
    return ast.unparse(function).rpartition(".")[2]


def texts_of_template(tree: Tree, file: Path) -> Iterator[tuple[str, str]]:
    """Yield each constant text in a template, and its place."""
    for call in tree.all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in _IN_TEMPLATES and call.args:
            text = call.args[0]
            if isinstance(text, nodes.Const) and isinstance(text.value, str):
                yield text.value, f"{file.name}:{text.lineno}"


def untranslated(
    owner: str, file: Path, texts: Mapping[str, str], elsewhere: frozenset[str]
) -> Iterator[SourceProblem]:
    """Yield one problem for the ``texts`` that a catalogue does not translate, each with its place.

    ``elsewhere`` are texts that core's own catalogue translates.
    """
    known = translated(owner, file)
    if known is None:
        return
    missing = [text for text in texts if text and text not in known | elsewhere]
    if missing:
        named = ", ".join(f"{text!r} ({texts[text]})" for text in missing[:NAMED])
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        problem = f"It does not translate {named}{more}."
        fix = "Add a msgid and msgstr for each; until then readers see the source text."
        yield SourceProblem("warning", owner, file, 0, problem, fix)


def translated(owner: str, file: Path) -> frozenset[str] | None:
    """Return the texts of a catalogue; ``None`` where it cannot be read, which is reported itself.

    A translation that does not fit its source counts: it is reported itself, too.
    """
    catalog, problems = parse(owner, file)
    if catalog is None:
        return None
    unsound = {problem.line for problem in problems}
    return frozenset(
        message.id if isinstance(message.id, str) else message.id[0]
        for message in catalog
        if message.id and not message.fuzzy and (message.string or message.lineno in unsound)
    )
