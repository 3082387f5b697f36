"""The documentation holds to the code."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest

from changemaker_core.cli import COMMANDS, main

ROOT = Path(__file__).parents[2]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
DECISIONS = ROOT / "docs" / "explanation" / "decisions"


def _shell_lines(page: Path) -> list[str]:
    """The commands of a page's ``sh`` blocks, split where ``&&`` joins several."""
    blocks = re.findall(r"^```sh\n(.*?)^```", page.read_text(), re.MULTILINE | re.DOTALL)
    lines = [line for block in blocks for line in block.splitlines()]
    return [part.strip() for line in lines for part in line.split("&&")]


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
    name = next(word for word in words if word in COMMANDS)
    command = main.get_command(main.make_context("changemaker", [name]), name)
    assert command is not None
    command.make_context(name, list(words))


def test_the_reference_names_every_command() -> None:
    text = (ROOT / "docs" / "reference" / "command-line.md").read_text()
    assert [name for name in COMMANDS if f"| `{name}" not in text] == []


def test_every_decision_is_listed_and_complete() -> None:
    index = (DECISIONS / "README.md").read_text()
    records = sorted(DECISIONS.glob("[0-9]*.md"))
    assert [record.name[:4] for record in records] == [f"{n + 1:04}" for n in range(len(records))]
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


def test_ci_runs_the_readmes_test_line() -> None:
    lines = [line for line in (ROOT / "README.md").read_text().splitlines() if "nox -s" in line]
    assert len(lines) == 1
    assert lines[0].endswith("nox -s tests")
    assert "grep -m 1 -E 'nox -s tests$' README.md" in (ROOT / ".ci" / "run").read_text()
