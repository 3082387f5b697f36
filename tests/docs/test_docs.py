"""The documentation holds to the code."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from changemaker_core.cli import COMMANDS, COMPANIONS, main

ROOT = Path(__file__).parents[2]
DOCS = ROOT / "docs"
PAGES = [
    ROOT / "README.md",
    ROOT / "CONTRIBUTING.md",
    *sorted(DOCS.rglob("*.md")),
    *sorted(ROOT.glob("plugins/*/README.md")),
    *sorted(ROOT.glob("examples/*/README.md")),
]
NAMES = {*COMMANDS, *COMPANIONS}
DECISIONS = DOCS / "explanation" / "decisions"


def _shell_lines(page: Path) -> list[str]:
    """The commands of a page's ``sh`` blocks, split where ``&&`` or a pipe joins several, and
    without the account that they run as."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    parts = [part.strip() for line in lines for part in re.split(r"&&|\|", line)]
    return [re.sub(r"^runuser -u \w+ -- ", "", part) for part in parts]


def _changemaker_lines() -> list[tuple[str, str]]:
    return [
        (str(page.relative_to(ROOT)), line)
        for page in PAGES
        for line in _shell_lines(page)
        if shlex.split(line)[0].endswith("changemaker")
    ]


@pytest.mark.parametrize(("page", "line"), _changemaker_lines())
def test_documented_commands_parse(page: str, line: str) -> None:
    words = iter(shlex.split(line)[1:])
    name = next(word for word in words if word in NAMES)
    command = main.get_command(main.make_context("changemaker", [name]), name)
    assert command is not None
    command.make_context(name, list(words))


def test_the_reference_names_every_command() -> None:
    text = (ROOT / "docs" / "reference" / "command-line.md").read_text()
    assert [name for name in NAMES if f"| `{name}" not in text] == []


def test_every_decision_is_listed_and_complete() -> None:
    index = (DECISIONS / "README.md").read_text()
    records = sorted(DECISIONS.glob("[0-9]*.md"))
    numbers = [record.name[:4] for record in records]
    assert len(numbers) == len(set(numbers))
    for record in records:
        text = record.read_text()
        title = re.fullmatch(r"# \d{4} (.+)", text.splitlines()[0])
        assert title
        assert f"[{record.name[:4]}]({record.name}) | {title[1]} |" in index
        assert re.findall(r"^## (.+)$", text, re.MULTILINE) == ["Context", "Choice", "Cost"]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())
    assert [target for target in targets if not (page.parent / target).exists()] == []


def test_the_architecture_names_files_that_exist() -> None:
    page = (DOCS / "explanation" / "architecture.md").read_text()
    files = re.findall(r"`([\w/]+\.py)`", page)
    assert files
    core = ROOT / "changemaker_core"
    missing = [f for f in files if "/" in f and not (core / f).exists()]
    assert missing == []


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_a_page_of_the_site_links_to_pages_of_the_site(page: Path) -> None:
    targets = re.findall(r"\]\((?!https?://|#)([^)#]+)", page.read_text())
    outside = [each for each in targets if not (page.parent / each).resolve().is_relative_to(DOCS)]
    assert not outside, "the built site has nothing there; link to a page of docs"


@pytest.mark.parametrize("page", sorted(DOCS.rglob("*.md")), ids=lambda page: page.name)
def test_every_page_can_be_found_from_the_menu(page: Path) -> None:
    if page.parent != DECISIONS or page.name == "README.md":
        assert f": {page.relative_to(DOCS)}" in (ROOT / "mkdocs.yml").read_text()


def test_ci_runs_the_readmes_test_line() -> None:
    lines = [line for line in (ROOT / "README.md").read_text().splitlines() if "nox -s" in line]
    assert len(lines) == 1
    assert lines[0].endswith("nox -s tests")
    assert "grep -m 1 -E 'nox -s tests$' README.md" in (ROOT / ".ci" / "run").read_text()


def test_every_macro_is_documented_with_its_arguments():
    folder = ROOT / "changemaker_core" / "web" / "templates" / "macros"
    written = {
        f"{name}.{macro}"
        for name in ("forms", "tables", "dialogs")
        for macro in re.findall(
            r"{%-? macro ([a-z]\w*\(.*?\)) -?%}", (folder / f"{name}.html").read_text()
        )
    }
    documented = re.findall(
        r"^(?:forms|tables|dialogs)\..*\)$",
        (DOCS / "reference" / "names.md").read_text(),
        re.MULTILINE,
    )
    assert sorted(documented) == sorted(written)
