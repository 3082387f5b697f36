"""Texts that a plugin shows and its catalogues do not translate: found in the source."""

from __future__ import annotations

import ast
from dataclasses import dataclass
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


@dataclass(frozen=True, slots=True)
class SourceText:
    """A text to translate, its plural where it has one, and its place: ``pages.py:12``."""

    text: str
    plural: str | None
    place: str


def texts_of_code(folder: Path) -> Iterator[SourceText]:
    """Yield each constant text in a package's code."""
    for file, call in calls_in(folder, *(f"{name}(" for name in _IN_CODE)):
        name, text = _called(call.func), call.args[0]
        if name in _IN_CODE and isinstance(text, ast.Constant) and isinstance(text.value, str):
            second = call.args[1] if name == "ngettext" and len(call.args) > 1 else None
            plural = second.value if isinstance(second, ast.Constant) else None
            place = f"{file.name}:{text.lineno}"
            yield SourceText(text.value, plural if isinstance(plural, str) else None, place)


def _called(function: ast.expr) -> str:
    return ast.unparse(function).rpartition(".")[2]


def texts_of_template(tree: Tree, file: Path) -> Iterator[SourceText]:
    """Yield each constant text in a template."""
    for call in tree.all(nodes.Call):
        if isinstance(call.node, nodes.Name) and call.node.name in _IN_TEMPLATES and call.args:
            text = call.args[0]
            if isinstance(text, nodes.Const) and isinstance(text.value, str):
                second = call.args[1] if call.node.name == "ngettext" and call.args[1:] else None
                plural = second.value if isinstance(second, nodes.Const) else None
                yield SourceText(text.value, plural, f"{file.name}:{text.lineno}")


def untranslated(
    owner: str, file: Path, texts: Mapping[str, SourceText], elsewhere: frozenset[str]
) -> Iterator[SourceProblem]:
    """Yield one problem for the ``texts`` that a catalogue does not translate, each with its place.

    ``elsewhere`` are texts that core's own catalogue translates.
    """
    known = translated(owner, file)
    if known is None:
        return
    missing = [each for text, each in texts.items() if text and text not in known | elsewhere]
    if missing:
        named = ", ".join(f"{each.text!r} ({each.place})" for each in missing[:NAMED])
        more = f" and {len(missing) - NAMED} more" if len(missing) > NAMED else ""
        problem = f"It does not translate {named}{more}."
        command = f"changemaker translations make {owner} {file.parent.parent.name}"
        fix = f"Write a msgstr for each, until when readers see the source: `{command}` adds them."
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
        if message.id
        and not message.fuzzy
        # Of a plural, the string is a tuple of forms.
        and (any(message.string or ()) or message.lineno in unsound)
    )
