"""Content encodings of static files: which one a browser accepts, and the compressed bytes."""

from __future__ import annotations

import gzip
from functools import cache, lru_cache
from importlib import util
from typing import Final

#: Brotli's own default is 11, which takes seconds for a large library.
_BROTLI_QUALITY: Final = 9


@cache
def encodings() -> tuple[str, ...]:
    """Return the encodings that this process can write, the best first."""
    return ("br", "gzip") if util.find_spec("brotli") is not None else ("gzip",)


@lru_cache(maxsize=64)
def best_encoding(accept_encoding: str) -> str:
    """Return the best encoding that a browser accepts, ``""`` for none.

    >>> best_encoding("gzip;q=0.5, deflate"), best_encoding("gzip;q=0, identity")
    ('gzip', '')
    """
    accepted: dict[str, float] = {}
    for entry in accept_encoding.lower().split(",")[:20]:
        name, _, parameters = entry.partition(";")
        key, _, value = parameters.strip().partition("=")
        accepted[name.strip()] = _quality(value) if key.strip() == "q" else 1.0
    anything = accepted.get("*", 0.0)
    return next((each for each in encodings() if accepted.get(each, anything) > 0), "")


def _quality(value: str) -> float:
    try:
        return float(value)
    except ValueError:
        return 0.0


def compressed(body: bytes, encoding: str) -> bytes:
    """Return ``body`` in one of :func:`encodings`. It takes milliseconds for each 100 KB."""
    if encoding == "br":
        import brotli

        result: bytes = brotli.compress(body, quality=_BROTLI_QUALITY)
        return result
    return gzip.compress(body, compresslevel=9, mtime=0)
