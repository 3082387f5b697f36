"""From a template and its values to a mail: subject, text, and HTML made of the same words."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from markupsafe import Markup, escape

from changemaker_core.features.mailtemplates.language import Variable, resolve
from changemaker_core.features.mailtemplates.variables import WRITTEN_URL, one_line
from changemaker_core.web.filters import for_locale, paragraphs

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from changemaker_core import Site
    from changemaker_core.features.mailtemplates.language import Nodes
    from changemaker_core.features.mailtemplates.variables import MailVariable

#: Characters of a whole text, in which a template may repeat its values; more is cut.
LONGEST: Final = 50_000
LONGEST_SUBJECT: Final = 300


class Piece(NamedTuple):
    """A part of a mail: words of the template, or the value of a variable of some kind."""

    text: str
    kind: str = "written"


class Rendered(NamedTuple):
    """What a mail says."""

    subject: str
    text: str
    html: str


def render(
    site: Site,
    subject: Nodes,
    text: Nodes,
    variables: Mapping[str, MailVariable],
    values: Mapping[str, Any],
    language: str,
) -> Rendered:
    """Return a mail in ``language``. Raises ``TypeError`` or ``ValueError`` for a wrong value."""
    locale = language.replace("-", "_")
    datetime_text = for_locale(site.translations.formats(locale), site.time_zone)["datetime"]
    shown = {
        name: variable.shown(values[name], datetime_text) for name, variable in variables.items()
    }

    def fill(nodes: Nodes) -> Iterator[Piece]:
        for node in resolve(nodes, lambda name: bool(shown[name].strip())):
            if isinstance(node, Variable):
                yield Piece(shown[node.name], variables[node.name].kind)
            else:
                yield Piece(node)

    line = one_line("".join(piece.text for piece in fill(subject)))[:LONGEST_SUBJECT]
    pieces = _bounded(fill(text))
    body = "".join(piece.text for piece in pieces).strip("\n") + "\n"
    content = {"subject": line, "paragraphs": paragraphs_of(pieces)}
    html = site.templates.render("mailtemplates/frame.html", content, locale=locale)
    return Rendered(line, body, html)


def paragraphs_of(pieces: Iterable[Piece]) -> list[Markup]:
    """Return the paragraphs of a text as HTML, in which only addresses are markup.

    A link is the value of a variable that is an address, or one that the template itself writes in
    full. What others have written, such as a name, never becomes one.
    """
    listed = list(_joined(pieces))
    html = ""
    for index, piece in enumerate(listed, start=1):
        if piece.kind == "url":
            html += _link(piece.text)
        elif piece.kind == "written":
            html += _linked(piece.text, is_continued=index < len(listed))
        else:
            html += escape(piece.text)
    return [Markup("<br>\n".join(block.split("\n"))) for block in paragraphs(html)]  # noqa: S704  # escaped above


def _bounded(pieces: Iterable[Piece]) -> list[Piece]:
    found: list[Piece] = []
    left = LONGEST
    for piece in pieces:
        if len(piece.text) > left:
            # Half an address would lead elsewhere.
            cut = "" if piece.kind == "url" else piece.text[:left]
            return [*found, piece._replace(text=cut)]
        left -= len(piece.text)
        found.append(piece)
    return found


def _joined(pieces: Iterable[Piece]) -> Iterator[Piece]:
    """Yield the pieces that are not empty, with adjacent words of the template as one."""
    before = Piece("")
    for piece in pieces:
        if before.kind == piece.kind == "written":
            before = Piece(before.text + piece.text)
        elif piece.text:
            if before.text:
                yield before
            before = piece
    if before.text:
        yield before


def _linked(text: str, *, is_continued: bool) -> str:
    """Return text with its addresses as links; not the last where a value continues it."""
    html, at = "", 0
    for url in WRITTEN_URL.finditer(text):
        if is_continued and url.end() == len(text):
            break
        html += escape(text[at : url.start()]) + _link(url[0])
        at = url.end()
    return html + escape(text[at:])


def _link(url: str) -> str:
    return Markup('<a href="{0}">{0}</a>').format(url)
