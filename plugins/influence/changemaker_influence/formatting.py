"""Formatted text: the part of Markdown that a campaign's page has styles for, and nothing else.

The rest of what is written is shown as it is, HTML above all. See decision 0063.
"""

from __future__ import annotations

import asyncio
import re
from functools import cache, lru_cache
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

if TYPE_CHECKING:
    from collections.abc import Sequence

    from markdown_it import MarkdownIt

#: What is read, by the names of markdown-it: no HTML, images, code or tables.
_RULES: Final = (
    "autolink",
    "blockquote",
    "emphasis",
    "entity",
    "escape",
    "heading",
    "link",
    "list",
    "newline",
)
#: Where a link may lead: to the web, to an address, or to a page of this site.
_LINK: Final = re.compile(r"(?:https?://|mailto:|tel:|/(?![/\\]))", re.IGNORECASE)
#: Quotes and lists within each other.
_DEPTH: Final = 12
#: Characters of a text that is formatted at once; a longer one takes a thread.
_SHORT: Final = 2_000
#: Of a text, as previews of links show it.
_SUMMARY: Final = 1_000


@lru_cache(maxsize=128)
def formatted(text: str) -> Markup:
    """Return a text as HTML: paragraphs with their line ends, headings below the page's own, lists,
    quotes, emphasis and links.

    >>> formatted("Act **now**: <b>[here](https://example.org)")
    Markup('<p>Act <strong>now</strong>: &lt;b&gt;<a href="https://example.org" rel="noopener">here</a></p>')
    """  # noqa: E501  # one line of output
    return Markup(_reader().render(text).rstrip("\n"))  # noqa: S704  # it escapes everything else


async def formatted_in_time(text: str) -> Markup:
    """Return ``formatted(text)``: of a long text on a thread, since a hostile one takes a while."""
    return formatted(text) if len(text) <= _SHORT else await asyncio.to_thread(formatted, text)


def summary(text: str) -> str:
    """Return the first paragraph without its formatting, for lists and previews of links.

    >>> summary("# Why\\n\\nAct **now**")
    'Why'
    """
    first = next((part for part in re.split(r"\n\s*\n", text) if part.strip()), "")
    return formatted(first[:_SUMMARY]).striptags()


@cache  # read when the first text is formatted: importing it takes a moment
def _reader() -> MarkdownIt:
    from markdown_it import MarkdownIt

    options = {"html": False, "breaks": True, "maxNesting": _DEPTH}
    reader = MarkdownIt("zero", options).enable(list(_RULES))
    reader.validateLink = lambda url: _LINK.match(url) is not None  # type: ignore[method-assign]  # as its documentation has it
    reader.add_render_rule("link_open", _link)
    for rule in ("heading_open", "heading_close"):
        reader.add_render_rule(rule, _heading)
    return reader


def _link(renderer: Any, tokens: Sequence[Any], index: int, options: Any, env: Any) -> str:
    tokens[index].attrSet("rel", "noopener")
    return str(renderer.renderToken(tokens, index, options, env))


def _heading(renderer: Any, tokens: Sequence[Any], index: int, options: Any, env: Any) -> str:
    """Write a heading below that of the page, which is the campaign's title."""
    tokens[index].tag = "h2" if tokens[index].tag in ("h1", "h2") else "h3"
    return str(renderer.renderToken(tokens, index, options, env))
