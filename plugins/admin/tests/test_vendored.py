"""Files of others: unchanged, with their licences, and used without evaluating strings."""

from __future__ import annotations

import base64
import hashlib
import re
import tomllib
from pathlib import Path

import pytest

import changemaker_admin
import changemaker_core

PACKAGE = Path(changemaker_admin.__file__).parent
VENDORED = PACKAGE / "static" / "admin" / "vendor"
PACKAGES = tomllib.loads((PACKAGE / "vendored.toml").read_text())["packages"]
FILES = {name: each for package in PACKAGES.values() for name, each in package["files"].items()}
#: htmx compiles what these hold into functions, which the content security policy forbids.
EVALUATED = re.compile(
    r"""\s(data-)?hx-(on\b|live\b)|\s(data-)?hx-[\w:.-]+\s*=\s*["']?\s*(js|javascript):"""
)


def test_every_file_is_listed_and_every_package_has_its_licence():
    assert {each.name for each in VENDORED.iterdir()} == FILES.keys()
    for package in PACKAGES.values():
        assert any("license" in name for name in package["files"])
        assert package["integrity"].startswith("sha512-")


@pytest.mark.parametrize("name", FILES)
def test_a_file_is_as_its_package_has_it(name):
    digest = hashlib.sha512((VENDORED / name).read_bytes()).digest()
    assert f"sha512-{base64.b64encode(digest).decode()}" == FILES[name]["integrity"]


def _templates():
    core, here = Path(changemaker_core.__file__).parent, Path(__file__).parents[3]
    roots = {core, PACKAGE, here / "plugins", here / "examples"}
    return {file for root in roots if root.is_dir() for file in root.rglob("*.html")}


def test_no_template_lets_htmx_evaluate_a_string():
    found = {str(file): EVALUATED.search(file.read_text()) for file in _templates()}
    assert len(found) > 20
    assert [file for file, match in found.items() if match] == []


@pytest.mark.parametrize(
    "markup",
    [
        "<a hx-on:click=x>",
        '<a data-hx-on="x">',
        "<a hx-vals='js:{a: 1}'>",
        '<b hx-live="x">',
        '<b hx-confirm:inherited="javascript:x()">',
    ],
)
def test_the_search_finds_each_kind(markup):
    assert EVALUATED.search(markup)
    assert not EVALUATED.search('<a hx-get="/x" hx-vals=\'{"a": 1}\' hx-sse:connect="/y">')
