"""The browser and system that a User-Agent header names, for people to recognise a session by."""

from __future__ import annotations

from typing import Final

from changemaker_core import Text

# The first that a header contains counts: most name others, to be treated as they are.
_BROWSERS: Final = {
    "Edg": "Edge",
    "OPR/": "Opera",
    "SamsungBrowser": "Samsung Internet",
    "Firefox": "Firefox",
    "FxiOS": "Firefox",
    "Chrome": "Chrome",
    "CriOS": "Chrome",
    "Safari": "Safari",
}
_SYSTEMS: Final = {
    "iPhone": "iPhone",
    "iPad": "iPad",
    "Android": "Android",
    "CrOS": "ChromeOS",
    "Windows": "Windows",
    "Mac OS X": "macOS",
    "Linux": "Linux",
}


def describe(user_agent: str) -> Text:
    """Return the name of a device.

    >>> describe("Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0")
    'Firefox on Linux'
    """
    browser, system = _first(_BROWSERS, user_agent), _first(_SYSTEMS, user_agent)
    if browser and system:
        return Text("{browser} on {system}", browser=browser, system=system)
    known = browser or system
    return Text(known) if known else Text("Unknown device")


def _first(names: dict[str, str], user_agent: str) -> str | None:
    return next((name for part, name in names.items() if part in user_agent), None)
