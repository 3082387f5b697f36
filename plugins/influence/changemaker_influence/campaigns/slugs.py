"""Slugs: a campaign's title in its URL."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from changemaker_core import slugify

if TYPE_CHECKING:
    from collections.abc import Container

MAX_SLUG: Final = 80


def slug_of(title: str) -> str:
    """Return the slug of a title, which may be taken."""
    return slugify(title, "campaign", longest=MAX_SLUG)


def is_slug_of(title: str, slug: str) -> bool:
    """Return whether ``slug`` was made from a title: it is the title's, or that with a number.

    >>> is_slug_of("Clean water", "clean-water-2"), is_slug_of("Clean water", "rivers")
    (True, False)
    """
    own = slug_of(title)
    stem, _, number = slug.rpartition("-")
    # With a number, the stem of a long title is cut.
    cut = len(slug) > MAX_SLUG - MAX_SLUG // 10
    is_numbered = number.isdigit() and (own == stem or (cut and own.startswith(stem)))
    return slug == own or is_numbered


def free_slug(title: str, taken: Container[str]) -> str:
    """Return the title's slug, numbered from 2 where it is taken."""
    slug, number = slug_of(title), 1
    candidate = slug
    while candidate in taken:
        number += 1
        ending = f"-{number}"
        candidate = slug[: MAX_SLUG - len(ending)].rstrip("-") + ending
    return candidate
