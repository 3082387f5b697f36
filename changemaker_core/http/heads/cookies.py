"""The ``Cookie`` header, read in a time that grows with its length and no faster.

NOTE(quotes): Falcon decodes values in quotes with the standard library, which before Python 3.11.10
and 3.12.6 took a time that grows with the square of their length (CVE-2024-7592): one header within
the server's limit stopped the process for twenty seconds.
"""

from __future__ import annotations

import re
from typing import Final

#: What no name of a cookie holds (RFC 6265, section 4.1.1). Falcon skips the same.
_NOT_IN_NAMES = re.compile(r'[\x00-\x20\x7f-\xff()<>@,;:\\"/\[\]?={}]')
#: How RFC 2109 wrote characters within quotes, and the standard library still does.
_ESCAPED = re.compile(r"\\(?:([0-3][0-7][0-7])|(.))", re.DOTALL)
_SHORTEST_QUOTED = 3


#: Browsers keep cookies of 4 KB each, and sites have few. Of more, none is read: thousands of empty
#: ones would take the event loop longer than the response.
LONGEST: Final = 16_384


def cookies_of(header: str) -> dict[str, list[str]]:
    r"""Return the values of each cookie in their order, by its name; what is malformed is skipped.

    >>> cookies_of('a=1; b="x \\"\\054 y"; a=2; =3')
    {'a': ['1', '2'], 'b': ['x ", y']}
    """
    found: dict[str, list[str]] = {}
    if len(header) > LONGEST:
        return found
    for pair in header.split(";"):
        name, _, value = pair.partition("=")
        name, value = name.strip(), value.strip()
        if not name or _NOT_IN_NAMES.search(name):
            continue
        if len(value) >= _SHORTEST_QUOTED and value[0] == value[-1] == '"':
            value = _ESCAPED.sub(_unescaped, value[1:-1])
        found.setdefault(name, []).append(value)
    return found


def _unescaped(match: re.Match[str]) -> str:
    octal, plain = match.groups()
    return plain if octal is None else chr(int(octal, 8))
