"""ETags in the conditions of requests (RFC 9110, section 13.1)."""

from __future__ import annotations

import re

_ETAG = re.compile(r'(?:W/)?"[\x21\x23-\x7e\x80-\xff]*"')


def names(listed: str, etag: str | None, *, weakly: bool = True) -> bool:
    """Whether a header such as ``If-None-Match`` names the content with ``etag``, or any: ``*``.

    ``If-Match`` and ``If-Range`` compare strongly: with ``weakly=False``, a weak ETag is no match.

    >>> names('"a", W/"b"', '"b"'), names('"a", W/"b"', '"b"', weakly=False)
    (True, False)
    """
    if listed.strip() == "*":
        return True
    if etag is None:
        return False
    tags = _ETAG.findall(listed)
    if weakly:
        return etag.removeprefix("W/") in {tag.removeprefix("W/") for tag in tags}
    return not etag.startswith("W/") and etag in tags
