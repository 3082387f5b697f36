"""Entries for the texts that a catalogue lacks, added to it for a translator."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING, Final

from babel import Locale
from babel.messages.catalog import Catalog
from babel.messages.pofile import escape

from changemaker_core.web.sources.catalogues import parse

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from changemaker_core.web.sources.texts import SourceText

_HEADER = """msgid ""
msgstr ""
"Language: {language}\\n"
"Plural-Forms: {plurals}\\n"
"Content-Type: text/plain; charset=utf-8\\n"
"""
#: The rules that catalogues of these languages have by gettext's convention. Babel's are those of
#: the CLDR, which has a further form for whole millions that translators do not write.
_CONVENTIONAL: Final = {
    "ca": "nplurals=2; plural=(n != 1);",
    "es": "nplurals=2; plural=(n != 1);",
    "fr": "nplurals=2; plural=(n > 1);",
    "it": "nplurals=2; plural=(n != 1);",
    "pt": "nplurals=2; plural=(n != 1);",
    "pt_BR": "nplurals=2; plural=(n > 1);",
}


def add_entries(file: Path, owner: str, texts: Iterable[SourceText]) -> list[SourceText]:
    """Add an empty entry for each text that a catalogue does not have; return these texts.

    What is in the file stays as it is, to the byte; a file that does not exist is created. Raises
    ``ValueError`` where the catalogue cannot be read, and ``OSError``.
    """
    language = file.parent.parent.name
    if file.exists():
        found, problems = parse(owner, file)
        if found is None:
            raise ValueError("\n".join(map(str, problems)))
        catalog, before = found, file.read_bytes()
    else:
        catalog = _new_catalog(language)
        before = _HEADER.format(language=language, plurals=catalog.plural_forms).encode()
    there = {each.id if isinstance(each.id, str) else each.id[0] for each in catalog}
    new = [each for each in texts if each.text not in there]
    entries = "".join(_entry(each, catalog.num_plurals) for each in new)
    if new or not file.exists():
        end = b"" if before.endswith(b"\n") else b"\n"
        _replace(file, before + end + entries.encode(catalog.charset or "utf-8"))
    return new


def _new_catalog(language: str) -> Catalog:
    """Return an empty catalogue with the rule of plurals that those of its language have."""
    catalog = Catalog(locale=Locale.parse(language))
    rule = _CONVENTIONAL.get(language) or _CONVENTIONAL.get(language.partition("_")[0])
    if rule is not None:
        catalog.mime_headers = [("Plural-Forms", rule)]
    return catalog


def _entry(text: SourceText, plurals: int) -> str:
    lines = [f"#: {text.place}", f"msgid {escape(text.text)}"]
    if text.plural is None:
        lines.append('msgstr ""')
    else:
        lines.append(f"msgid_plural {escape(text.plural)}")
        lines += [f'msgstr[{number}] ""' for number in range(plurals)]
    return "\n" + "\n".join(lines) + "\n"


def _replace(file: Path, content: bytes) -> None:
    """Write the whole file or nothing, so that a full disk costs no translation."""
    file.parent.mkdir(parents=True, exist_ok=True)
    draft = file.with_name(f".{file.name}.new")
    try:
        draft.write_bytes(content)
        if file.exists():
            shutil.copymode(file, draft)
        draft.replace(file)
    finally:
        draft.unlink(missing_ok=True)
