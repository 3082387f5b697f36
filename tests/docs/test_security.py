"""The security checklist is complete, and what it names exists."""

from __future__ import annotations

import re
from pathlib import Path

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "explanation" / "asvs.md"
IDS = Path(__file__).parent / "data" / "asvs_5.0.0.txt"
STATES = ("met", "n/a", "open")


def _rows() -> list[tuple[str, str, str, str, str]]:
    found = re.findall(
        r"^\| (V[\d.]+) \| (\d) \| (.+?) \| (.*?) \| (.+) \|$", PAGE.read_text(), re.M
    )
    return [(id, level, asks, state, how) for id, level, asks, state, how in found]


def test_every_requirement_is_there_once_with_a_state() -> None:
    lines = IDS.read_text().splitlines()
    wanted = [line for line in lines if not line.startswith("#")]
    rows = _rows()
    assert [f"{id} {level}" for id, level, *_ in rows] == wanted
    assert [id for id, _, _, state, _ in rows if state not in STATES] == []
    counts = [sum(row[3] == state for row in rows) for state in STATES]
    summary = "Of {} requirements {} are met, {} do not apply, and {} are open."
    assert summary.format(len(rows), *counts) in PAGE.read_text()


def test_what_it_names_exists() -> None:
    missing = []
    for id, _, _, _, how in _rows():
        for path, name in re.findall(r"`((?:[\w.-]+/)+[\w.-]*)(?:::(\w+))?`", how):
            file = ROOT / path
            if not file.exists() or (name and f"def {name}(" not in file.read_text()):
                missing.append(f"{id}: {path} {name}")
    assert missing == []
