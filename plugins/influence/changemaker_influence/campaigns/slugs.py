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


def free_slug(title: str, taken: Container[str]) -> str:
    """Return the title's slug, numbered from 2 where it is taken."""
    slug, number = slug_of(title), 1
    candidate = slug
    while candidate in taken:
        number += 1
        ending = f"-{number}"
        candidate = slug[: MAX_SLUG - len(ending)].rstrip("-") + ending
    return candidate
