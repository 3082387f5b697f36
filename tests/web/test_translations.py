"""Catalogues of several packages, read as one."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from markupsafe import Markup

from changemaker_core.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import SimpleNamespace

HEADER = (
    'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
    '"Plural-Forms: nplurals=2; plural=(n > 1);\\n"\n\n'
)


def write_po(folder: Path, name: str, locale: str, entries: str) -> None:
    file = folder / "locale" / locale / "LC_MESSAGES" / f"{name}.po"
    file.parent.mkdir(parents=True)
    file.write_text(HEADER + entries, encoding="utf-8")


@pytest.fixture
def garden(tmp_path: Path, site_of: Callable[..., SimpleNamespace]) -> SimpleNamespace:
    """A site with a plugin that has a catalogue of its own."""
    entries = (
        'msgid "Hello {name}"\nmsgstr "Bonjour {name}"\n\n'
        'msgid "Language"\nmsgstr "Autre chose"\n\n'
        'msgid "{count} tree"\nmsgid_plural "{count} trees"\n'
        'msgstr[0] "{count} arbre"\nmsgstr[1] "{count} arbres"\n'
    )
    write_po(tmp_path, "garden", "fr", entries)
    return site_of(("garden", tmp_path))


def test_english_needs_no_catalogue(garden: SimpleNamespace) -> None:
    assert garden.translations.translate("Hello {name}", "en", name="Ada") == "Hello Ada"


def test_a_text_brings_its_parameters(garden: SimpleNamespace) -> None:
    text = Text("Hello {name}", name="Ada")
    assert text == "Hello Ada"
    assert garden.translations.translate(text, "fr") == "Bonjour Ada"


def test_core_and_plugins_are_one_catalogue_and_core_comes_first(garden: SimpleNamespace) -> None:
    assert garden.translations.translate("Language", "fr") == "Langue"


@pytest.mark.parametrize(
    ("count", "english", "french"),
    [
        (0, "0 trees", "0 arbre"),
        (1, "1 tree", "1 arbre"),
        (2, "2 trees", "2 arbres"),
        (12345, "12,345 trees", "12\u00a0345 arbres"),
    ],
)
def test_plural_forms(garden: SimpleNamespace, count: int, english: str, french: str) -> None:
    def say(locale: str) -> str:
        said = garden.translations.ngettext("{count} tree", "{count} trees", count, locale)
        return str(said)

    assert (say("en"), say("fr")) == (english, french)


def test_an_untranslated_message_is_in_english(garden: SimpleNamespace) -> None:
    assert garden.translations.translate("Never records of", "fr") == "Never records of"
    assert garden.translations.translate("", "fr") == ""
    assert garden.translations.translate("100 {%}", "fr") == "100 {%}"


def test_markup_parameters_keep_their_tags_and_escape_the_rest(garden: SimpleNamespace) -> None:
    said = garden.translations.translate("<Hello> {name}", "en", name=Markup("<b>Ada</b>"))
    assert said == Markup("&lt;Hello&gt; <b>Ada</b>")


def test_languages_are_those_that_have_a_catalogue(
    tmp_path: Path, site_of: Callable[..., SimpleNamespace]
) -> None:
    write_po(tmp_path, "garden", "es", 'msgid "Hello"\nmsgstr "Hola"\n')
    site = site_of(("garden", tmp_path), default_locale="fr")
    assert site.translations.locales == ("en", "es", "fr")
    assert site.translations.negotiate("de", None) == "fr"
    assert site.translations.translate("Hello", "es") == "Hola"
