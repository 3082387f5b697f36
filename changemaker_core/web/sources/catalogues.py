"""Catalogues (``.po``): read as translators write them, with every mistake in them."""

from __future__ import annotations

import codecs
import gettext
import logging
import re
from io import BytesIO
from string import Formatter
from typing import TYPE_CHECKING

from babel.messages.mofile import write_mo
from babel.messages.pofile import PoFileError, read_po
from babel.support import Translations as Catalogue

from changemaker_core.web.sources.problem import SourceProblem

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

    from babel.messages.catalog import Catalog, Message

log = logging.getLogger(__name__)

#: A line of a catalogue that is neither empty nor a comment.
_LINE = re.compile(rb'((msgctxt|msgid|msgid_plural|msgstr(\[\d+\])?)\s*)?"([^"\\]|\\.)*"')
#: Counts for which the rule of plurals is tried.
_COUNTS = range(1000)


def read_catalogue(owner: str, file: Path) -> Catalogue | None:
    """Return the translations of a ``.po`` file that are sound, as gettext's own object.

    Each mistake is logged once, with its line: a translation that does not fit its source is left
    out, so that readers see the source. ``None`` where the file as a whole cannot be read.
    """
    catalog, problems = parse(owner, file)
    for each in problems:
        log.warning("%s The source text is shown instead.", each)
    if catalog is None:
        return None
    compiled = BytesIO()
    write_mo(compiled, catalog)
    compiled.seek(0)
    return Catalogue(compiled, domain=file.stem)


def parse(owner: str, file: Path) -> tuple[Catalog | None, list[SourceProblem]]:
    """Return a catalogue without its unsound translations, and what is wrong with it."""

    def problem(line: int, what: str, fix: str) -> SourceProblem:
        return SourceProblem("warning", owner, file, line, what, fix)

    try:
        body = file.read_bytes().removeprefix(codecs.BOM_UTF8)
    except OSError as error:
        return None, [problem(0, f"It cannot be read: {error.strerror}.", "Check the file's mode.")]
    if lines := list(_malformed_lines(body)):
        fix = 'Write msgid "…" and msgstr "…", with a \\ before each inner quote.'
        return None, [problem(line, "This line is not part of a catalogue.", fix) for line in lines]
    try:
        catalog = read_po(BytesIO(body), locale=file.parent.parent.name, abort_invalid=True)
    except PoFileError as error:
        # Babel counts from 0, and repeats the line in its text.
        text = re.sub(r" on \d+$", "", str(error))
        return None, [problem(error.lineno + 1, f"{text}.", "Correct the entry.")]
    except (LookupError, ValueError) as error:
        return None, [problem(1, f"It cannot be read: {error}.", "Correct the header.")]
    if (wrong := _plural_problem(catalog)) is not None:
        return None, [problem(1, wrong, "Copy the Plural-Forms of another catalogue of it.")]
    found = []
    for message in catalog:
        if message.id and not message.fuzzy and (wrong := message_problem(message)) is not None:
            found.append(problem(message.lineno or 0, wrong, "Correct the translation."))
            message.string = ""
    return catalog, found


def message_problem(message: Message) -> str | None:
    """Return why a translation does not fit its source; ``None`` where it does, or is absent."""
    if isinstance(message.id, str):
        source = _fields(message.id) or frozenset()
        return _misfit(str(message.string), required=source, allowed=source)
    forms = list(message.string or ())
    if not any(forms):
        return None
    if not all(forms):
        return f"The plural form msgstr[{forms.index('')}] is empty."
    both = [_fields(text) or frozenset() for text in message.id]
    # A form for one alone may say "one", without the number.
    required = both[0] & both[1] - {"{count}"}
    allowed = both[0] | both[1]
    misfits = (_misfit(form, required=required, allowed=allowed) for form in forms)
    return next(filter(None, misfits), None)


def _misfit(text: str, *, required: frozenset[str], allowed: frozenset[str]) -> str | None:
    if not text:
        return None
    found = _fields(text)
    if found is None:
        # Such as "100 {%}": never formatted, where its source is not.
        return "A brace is not closed, or has no name." if allowed else None
    if surplus := sorted(found - allowed):
        return f"The source has no placeholder {', '.join(surplus)}."
    if missing := sorted(required - found):
        return f"The placeholder {', '.join(missing)} is missing."
    return None


def _fields(text: str) -> frozenset[str] | None:
    """Return the placeholders of a ``str.format`` text, as written; ``None`` where it is none."""
    try:
        parts = list(Formatter().parse(text))
    except ValueError:
        return None
    return frozenset(
        "{" + name + (f"!{conversion}" if conversion else "") + (f":{spec}" if spec else "") + "}"
        for _, name, spec, conversion in parts
        if name is not None
    )


def placeholders(text: str) -> frozenset[str]:
    """Return the names in a ``str.format`` text: ``{count}`` is ``count``.

    >>> sorted(placeholders("{count} of {total:>3}"))
    ['count', 'total']
    """
    names = (re.split(r"[!:.\[}]", each[1:])[0] for each in _fields(text) or ())
    return frozenset(name for name in names if name.isidentifier())


def _malformed_lines(body: bytes) -> Iterator[int]:
    """Return the lines that Babel would skip without a word."""
    for number, line in enumerate(body.split(b"\n"), start=1):
        text = line.strip()
        if text and not text.startswith(b"#") and _LINE.fullmatch(text) is None:
            yield number


def _plural_problem(catalog: Catalog) -> str | None:
    """Return what is wrong with the rule of plurals: gettext would fail at the first page."""
    try:
        rule = gettext.c2py(catalog.plural_expr)
        form = max(map(rule, _COUNTS))
    except (ValueError, ZeroDivisionError) as error:
        return f"The rule of Plural-Forms cannot be read: {error}."
    if form >= catalog.num_plurals:
        return f"Plural-Forms has nplurals={catalog.num_plurals}, and its rule gives form {form}."
    return None
