"""Everything that a reader may see is said in French, and nothing is left over."""

from __future__ import annotations

import re
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from babel.messages.extract import extract_from_dir
from babel.messages.pofile import read_po

if TYPE_CHECKING:
    from collections.abc import Iterator

    from babel.messages.catalog import Catalog, Message

ROOT = Path(__file__).parents[2]
PACKAGES = {
    "core": ROOT / "changemaker_core",
    **{
        folder.name.removeprefix("changemaker_"): folder
        for kind in ("plugins", "examples")
        for folder in sorted(ROOT.glob(f"{kind}/*/changemaker_*"))
        if (folder / "locale").is_dir()  # the deploy tool speaks English only
    },
}
KEYWORDS: dict[str, Any] = {"_": None, "Text": None, "ngettext": (1, 2)}
METHODS = [
    ("**/testing/**.py", "ignore"),
    ("**.py", "python"),
    ("**/templates/**.html", "jinja2"),
    ("**/templates/**.txt", "jinja2"),
]
PLACEHOLDER = re.compile(r"\{(\w*)\}")

MessageId = str | tuple[str, str]


def extracted(package: str) -> dict[MessageId, str]:
    """Each message of a package's sources, and where it is said first."""
    found: dict[MessageId, str] = {}
    options = {"**/templates/**": {"trim_blocks": "true", "lstrip_blocks": "true"}}
    for file, line, message, _, _ in extract_from_dir(
        PACKAGES[package], METHODS, options_map=options, keywords=KEYWORDS
    ):
        key = message if isinstance(message, str) else (message[0], message[1])
        found.setdefault(key, f"{file}:{line}")
    return found


def catalogue(package: str) -> Catalog:
    file = PACKAGES[package] / "locale" / "fr" / "LC_MESSAGES" / f"{package}.po"
    with file.open("rb") as source:
        return read_po(source, locale="fr", abort_invalid=True)


def entries(package: str) -> dict[MessageId, Message]:
    return {
        message.id if isinstance(message.id, str) else (message.id[0], message.id[1]): message
        for message in catalogue(package)
        if message.id
    }


def pairs(message: Message) -> Iterator[tuple[str, str]]:
    """The English and the French of an entry; each plural form is one."""
    if isinstance(message.string, str):
        yield str(message.id), message.string
    else:
        # French says its singular with 0 and 1, so either form may write the number.
        for said in message.string:
            yield message.id[1], said


@pytest.fixture(params=PACKAGES)
def package(request: pytest.FixtureRequest) -> str:
    return str(request.param)


def test_every_message_has_a_translation(package: str) -> None:
    known = entries(package) if package == "core" else {**entries("core"), **entries(package)}
    missing = {
        message: place
        for message, place in extracted(package).items()
        if message not in known or not all(french for _, french in pairs(known[message]))
    }
    assert not missing, f"say these in locale/fr/LC_MESSAGES/{package}.po: {missing}"


def test_no_entry_is_stale(package: str) -> None:
    left_over = set(entries(package)) - set(extracted(package))
    assert not left_over, f"nothing says these any more: {left_over}"


def test_nothing_is_fuzzy_or_obsolete(package: str) -> None:
    assert [message.id for message in catalogue(package) if message.id and message.fuzzy] == []
    assert list(catalogue(package).obsolete) == []


def test_placeholders_are_equal(package: str) -> None:
    for message in entries(package).values():
        for english, french in pairs(message):
            assert sorted(PLACEHOLDER.findall(english)) == sorted(PLACEHOLDER.findall(french))


def test_french_has_its_two_plural_forms(package: str) -> None:
    assert catalogue(package).num_plurals == 2
    for message in entries(package).values():
        if not isinstance(message.id, str):
            assert len(message.string) == 2


@pytest.mark.parametrize("wrong", ["...", " !", " ?", " :", '"', "'"])
def test_french_typography(package: str, wrong: str) -> None:
    """Ellipsis, guillemets, curly apostrophes; a no-break space before a colon, none before ! ?"""
    for message in entries(package).values():
        for _, french in pairs(message):
            assert wrong not in french
