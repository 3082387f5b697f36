"""Addresses of a site's own pages."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any
from urllib.parse import parse_qsl, urlencode

if TYPE_CHECKING:
    from collections.abc import Iterator


def absolute_url(base_url: str, path: str) -> str:
    """Return the absolute address of a path; raise ``ValueError`` for what is no path.

    >>> absolute_url("https://act.example.org", "/petitions")
    'https://act.example.org/petitions'
    """
    if not path.startswith("/"):
        raise ValueError(f"{path!r} is not a path of this site: begin it with a /")
    return base_url + path


def path_problems(path: str) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a path that a plugin declares, and how to fix it."""
    if not path.startswith("/") or path.startswith("//"):
        yield f"{path!r} is not a path of this site.", "Begin it with one /."


def with_query(query: str, /, **changes: Any) -> str:
    """Return the address of a page, relative to itself, with some of its query changed.

    ``None`` removes a parameter.

    >>> with_query("status=open&offset=50", offset=None, sort="title")
    '?status=open&sort=title'
    """
    pairs = [pair for pair in parse_qsl(query, keep_blank_values=True) if pair[0] not in changes]
    pairs += [(name, str(value)) for name, value in changes.items() if value is not None]
    return f"?{urlencode(pairs)}"
