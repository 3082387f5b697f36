"""A page's metadata, as search engines and previews of links read it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Final
from urllib.parse import urlencode

from changemaker_core.web.addresses import absolute_url
from changemaker_core.web.languages import SHOWN_IN

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from changemaker_core.web.pages import PageMetadata

#: Characters of a description; search engines and previews show no more.
DESCRIPTION_LENGTH: Final = 200


@dataclass(frozen=True, slots=True)
class Alternate:
    """The page in one language; ``code`` is ``x-default`` where the reader's own is chosen."""

    code: str
    url: str


@dataclass(frozen=True, slots=True)
class Head:
    """A page's metadata as its template writes it: addresses are absolute."""

    title: str
    description: str
    url: str
    image: str | None
    image_alt: str
    indexed: bool
    alternates: Sequence[Alternate]


def head_of(
    metadata: PageMetadata,
    *,
    base_url: str,
    path: str,
    shown_in: str | None,
    locales: Sequence[str],
    translate: Callable[[str], str],
) -> Head:
    """Return what a page's template shows of ``metadata``.

    ``path`` is the request's. ``shown_in`` is the language that the address itself names, if it
    does: such a page is known under that address.
    """
    url = _absolute(metadata.canonical or path, base_url)
    alternates = [Alternate(code, _in_language(url, code)) for code in locales]
    return Head(
        title=translate(metadata.title),
        description=shortened(translate(metadata.description)),
        url=_in_language(url, shown_in) if shown_in is not None else url,
        image=None if metadata.image is None else _absolute(metadata.image, base_url),
        image_alt=translate(metadata.image_alt),
        indexed=metadata.indexed,
        alternates=[*alternates, Alternate("x-default", url)] if len(locales) > 1 else (),
    )


def _absolute(target: str, base_url: str) -> str:
    return absolute_url(base_url, target) if target.startswith("/") else target


def _in_language(url: str, code: str) -> str:
    return f"{url}{'&' if '?' in url else '?'}{urlencode({SHOWN_IN: code})}"


def shortened(text: str, length: int = DESCRIPTION_LENGTH) -> str:
    """Return the beginning of a text on one line, cut between two words.

    >>> shortened("One two\\nthree", 9)
    'One two…'
    """
    line = " ".join(text.split())
    if len(line) <= length:
        return line
    cut = line[:length].rpartition(" ")[0] or line[: length - 1]
    return cut.rstrip(" ,;:.") + "…"
