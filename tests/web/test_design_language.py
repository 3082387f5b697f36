"""What docs/explanation/design-language.md promises of colours, measured on the style sheets."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from changemaker_core.settings.colors import LIGHT, contrast, readable
from changemaker_core.settings.own import Appearance

ROOT = Path(__file__).parents[2]
STATIC = ROOT / "changemaker_core/web/static/core"
GUIDE = ROOT / "docs/explanation/design-language.md"
ROOTS = re.compile(r":root \{([^}]*)\}", re.DOTALL)
COLOR = re.compile(r"--([a-z-]+): (#[0-9a-f]{3,6});")

#: Words on a background, which need 4.5 to 1 (WCAG 1.4.3), and what else is to be seen, which needs
#: 3 to 1 (1.4.11).
GROUNDS = ("paper", "surface", "sunken")
TEXT = [
    *[(text, ground) for text in ("ink", "soft", "brand", "brand-strong") for ground in GROUNDS],
    *[(text, ground) for text in ("accent", "ok", "warn", "danger") for ground in GROUNDS],
    *[(text, f"{text}-soft") for text in ("ok", "warn", "danger")],
    ("brand-strong", "brand-soft"),
    ("on-brand", "brand"),
    ("on-brand", "brand-strong"),
    ("paper", "danger"),
    ("paper", "ink"),
    ("ink", "line"),
]
SHAPES = [(shape, ground) for shape in ("edge", "focus") for ground in GROUNDS]

#: Colours that organisations have: each is made readable before it is tried.
OWN = ["#000000", "#7f1d1d", "#b91c1c", "#c2410c", "#8a6d00", "#15803d", "#0369a1", "#4c1d95"]


def schemes(css: str) -> list[dict[str, str]]:
    """The colours of a style sheet by their role: of the light scheme, and of the dark one."""
    light, _, dark = css.partition("@media screen and (prefers-color-scheme: dark)")
    found = [dict(COLOR.findall("".join(ROOTS.findall(part)[:1]))) for part in (light, dark)]
    return [
        {name: f"#{value[1] * 2}{value[2] * 2}{value[3] * 2}" if len(value) == 4 else value
         for name, value in each.items()}
        for each in found
    ]  # fmt: skip


def palette(*sheets: str) -> list[dict[str, str]]:
    """The colours of both schemes where these sheets are loaded after each other."""
    light: dict[str, str] = {}
    dark: dict[str, str] = {}
    for sheet in sheets:
        of_light, of_dark = schemes(sheet)
        light |= of_light
        dark |= of_light | of_dark
    return [light, dark]


def sheet(name: str) -> str:
    return (STATIC / f"{name}.css").read_text(encoding="utf-8")


def faults(*sheets: str) -> list[str]:
    """Pairs of colours whose contrast is too low, in either scheme."""
    return [
        f"{scheme}: {one} on {two} is {contrast(colors[one], colors[two]):.2f}"
        for scheme, colors in zip(("light", "dark"), palette(*sheets), strict=True)
        for pairs, enough in ((TEXT, 4.5), (SHAPES, 3.0))
        for one, two in pairs
        if contrast(colors[one], colors[two]) < enough
    ]


@pytest.mark.parametrize("sheets", [("base",), ("base", "admin")], ids=["public", "admin"])
def test_every_pair_of_colours_can_be_read(sheets: tuple[str, ...]) -> None:
    assert faults(*map(sheet, sheets)) == []


@pytest.mark.parametrize("color", OWN)
def test_so_can_an_organisations_own_colours(color: str) -> None:
    color = readable(color, LIGHT)
    own = Appearance(brand=color, accent=color).stylesheet
    assert faults(sheet("base"), own) == []
    assert faults(sheet("base"), own, sheet("admin")) == []


def test_a_pair_that_cannot_be_read_is_found() -> None:
    assert faults(sheet("base"), ":root {\n  --soft: #b0a89c;\n}\n") != []


def test_the_guide_names_every_role_and_step() -> None:
    """A value of the style sheets that the guide does not name is used by no rule of it."""
    named = set(re.findall(r"`--([a-z0-9-]+)`", GUIDE.read_text(encoding="utf-8")))
    defined = set(re.findall(r"^ {2,}--([a-z0-9-]+):", sheet("base"), re.MULTILINE))
    assert defined - named == set()
    assert named - defined == set()
