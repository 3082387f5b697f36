"""Addresses of a site's own pages."""

from __future__ import annotations


def absolute_url(base_url: str, path: str) -> str:
    """Return the absolute address of a path; raise ``ValueError`` for what is no path.

    >>> absolute_url("https://act.example.org", "/petitions")
    'https://act.example.org/petitions'
    """
    if not path.startswith("/"):
        raise ValueError(f"{path!r} is not a path of this site: begin it with a /")
    return base_url + path
