"""The words of the glossary: what users, operators and authors of plugins read has no others.

Ordinary words are not banned as such: each list is for one kind of text.
"""

from __future__ import annotations

import ast
import inspect
import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click
import msgspec
import pytest
from babel.messages.pofile import read_po

import changemaker_core
from changemaker_core.cli import main
from changemaker_core.config import Config
from changemaker_core.testing import client_of
from changemaker_influence.plugin import InfluencePlugin

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

ROOT = Path(__file__).parents[2]

#: Parts of identifiers, with what stands instead.
IDENTIFIERS = {
    "among": "in",
    "answer": "response",
    "answers": "responses",
    "answered": "responded",
    "backoff": "retry policy",
    "every": "interval",
    "exiled": "lost",
    "hear": "listen",
    "heard": "notified",
    "kept": "compiled, cached",
    "knocked": "started",
    "listing": "paginated",
    "may": "has permission",
    "mend": "fix",
    "nobody": "anonymous",
    "somebody": "user",
    "spare": "replaced",
    "sweep": "call hook, collect",
    "told": "notified",
    "vital": "critical",
    "worn": "replaced",
}
#: In the documentation and in the help of commands. "Answer" is for the answer of a person.
PROSE = (
    r"(?<!an )(?<!person's )\banswer(s|ed|ing)?\b(?! (comes|goes|from))",
    r"\b(exiled|hears?|heard|knocked|mends?|nobody|somebody|sweeps?|told|vital|worn)\b",
    r"\b(backoff|ready-made|step(s|ped)? back|let(s|ting)? (nobody|somebody) in)\b",
)
#: In what visitors and organisers read.
MESSAGES = (r"\b(heard|mends?|somebody|told|vital|worn)\b",)
PAGES = [
    *(ROOT / name for name in ("README.md", "CONTRIBUTING.md")),
    *sorted(ROOT.glob("docs/**/*.md")),
    *sorted(ROOT.glob("plugins/*/README.md")),
    *sorted(ROOT.glob("examples/*/README.md")),
]
#: Records of what was thought, and measured, on a day: they are not rewritten.
RECORDS = ("decisions", "measured")
CATALOGUES = sorted(
    path
    for folder in ("changemaker_core", "plugins", "examples")
    for path in (ROOT / folder).rglob("*.po")
)


def banned_parts(names: Iterable[str]) -> list[str]:
    """Of these identifiers, those that have a banned part: ``told_on``, ``ReadyAnswer``."""
    return [name for name in names if set(parts(name)) & IDENTIFIERS.keys()]


def parts(name: str) -> list[str]:
    return [part.lower() for part in re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+", name)]


def banned_phrases(text: str, phrases: tuple[str, ...]) -> list[str]:
    """The lines that have one."""
    pattern = re.compile("|".join(phrases), re.IGNORECASE)
    return [line.strip() for line in text.splitlines() if pattern.search(line)]


def public_names() -> Iterator[str]:
    """Names that plugins import, what these have of their own, and what their calls take."""
    for name in changemaker_core.__all__:
        yield name
        value = getattr(changemaker_core, name)
        yield from takes(name, value)
        for attribute, member in vars(value).items() if inspect.isclass(value) else ():
            if not attribute.startswith("_"):
                yield f"{name}.{attribute}"
                yield from takes(f"{name}.{attribute}", member)


def takes(name: str, value: Any) -> Iterator[str]:
    if inspect.isfunction(value):
        yield from (f"{name}({parameter})" for parameter in inspect.signature(value).parameters)


def hooks() -> Iterator[str]:
    """Hooks of the core, of its features and of plugins, with their arguments."""
    for file in ROOT.glob("**/hookspecs.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            if isinstance(node, ast.FunctionDef):
                yield from (node.name, *(argument.arg for argument in node.args.args))


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command of ``changemaker``, and the whole of it."""
    context = click.Context(main, info_name="changemaker")
    waiting: list[tuple[str, click.Command, click.Context]] = [("changemaker", main, context)]
    while waiting:
        path, command, context = waiting.pop()
        yield path, command
        if isinstance(command, click.Group):
            for name in command.list_commands(context):
                child = command.get_command(context, name)
                assert child is not None
                inner = click.Context(child, info_name=name, parent=context)
                waiting.append((f"{path} {name}", child, inner))


def keys_of(document: Any) -> Iterator[str]:
    """All keys of a JSON document, and its enumerated values."""
    if isinstance(document, dict):
        yield from document
        yield from (each for each in document.get("enum", ()) if isinstance(each, str))
        for value in document.values():
            yield from keys_of(value)
    elif isinstance(document, list):
        for value in document:
            yield from keys_of(value)


def test_identifiers_are_taken_apart() -> None:
    names = ["told_on", "ReadyAnswer", "HTTPAnswer", "site.may(permission)", "maybe", "anywhere"]
    assert banned_parts(names) == ["told_on", "ReadyAnswer", "HTTPAnswer", "site.may(permission)"]


def test_phrases_are_found() -> None:
    lines = ["A server answers with 503.", "an answer from a person", "Nobody is told.", "Fine."]
    assert banned_phrases("\n".join(lines), PROSE) == [lines[0], lines[2]]


def test_public_names() -> None:
    assert banned_parts(public_names()) == []


def test_hooks() -> None:
    assert len(found := list(hooks())) > 20
    assert banned_parts(found) == []


def test_configuration() -> None:
    assert banned_parts(field.name for field in msgspec.structs.fields(Config)) == []


def test_commands_and_their_help() -> None:
    found = dict(commands())
    assert len(found) > 15
    options = [f"{path} {each.name}" for path, command in found.items() for each in command.params]
    assert banned_parts([*found, *options]) == []
    text = "\n".join(c.get_help(click.Context(c, info_name=path)) for path, c in found.items())
    assert banned_phrases(text, PROSE) == []


@pytest.mark.database("sqlite")
async def test_the_interface_and_its_metrics(open_app: Any) -> None:
    async with open_app(InfluencePlugin) as app, client_of(app) as client:
        document = (await client.get("/api/openapi.json")).json()
        metrics = (await client.get("/api/metrics")).text
    assert len(document["paths"]) > 10
    assert banned_parts(keys_of(document)) == []
    names = re.findall(r"^# TYPE (\w+) ", metrics, re.MULTILINE)
    labels = re.findall(r"[{,](\w+)=", metrics)
    assert len(names) > 5
    assert banned_parts([*names, *labels]) == []


@pytest.mark.parametrize(
    "page",
    [page for page in PAGES if page.parent.name not in RECORDS],
    ids=lambda page: str(page.relative_to(ROOT)),
)
def test_documentation(page: Path) -> None:
    text = re.sub(r"^```.*?^```", "", page.read_text(), flags=re.MULTILINE | re.DOTALL)
    text = re.sub(r"\]\([^)]+\)", "]", text)  # where links lead
    assert banned_phrases(text, PROSE) == []


@pytest.mark.parametrize("path", CATALOGUES, ids=lambda path: path.name)
def test_what_people_read(path: Path) -> None:
    with path.open("rb") as file:
        messages = [message.id for message in read_po(file) if message.id]
    lines = [line for each in messages for line in ([each] if isinstance(each, str) else each)]
    assert lines
    assert banned_phrases("\n".join(lines), MESSAGES) == []
