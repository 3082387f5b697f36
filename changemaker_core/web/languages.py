"""The reader's language: negotiated from headers, or chosen by the reader."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING
from urllib.parse import parse_qsl, urlencode

from babel import Locale, UnknownLocaleError, localedata

from changemaker_core.web.pages import Redirect

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

#: The cookie that holds a reader's choice, and the query parameter that makes it.
COOKIE = "cm_lang"
PARAMETER = "lang"
#: The query parameter of a page's address in one language, as search engines know it. It stores
#: no choice: whoever follows such a link sees the page in that language, and others as before.
SHOWN_IN = "hl"
YEAR = 365 * 24 * 60 * 60
#: Characters of a query that is kept as the language changes. A visitor chooses it, and each page
#: writes it once for every language: one of 60 KB took half a second, and made the page ten times
#: as long.
LONGEST_QUERY = 2_000

#: A language, a script and a region: ``fr``, ``zh_Hans``, ``pt_BR``.
_CODE = re.compile(r"[a-z]{2,3}(_[A-Z][a-z]{3})?(_([A-Z]{2}|[0-9]{3}))?", re.ASCII)


@dataclass(frozen=True, slots=True)
class LanguageLink:
    """One entry of the language switch; ``name`` is the language's own name for itself."""

    code: str
    name: str
    href: str
    current: bool


def is_language(code: str) -> bool:
    """Return whether Babel knows a language by this code.

    >>> is_language("fr"), is_language("french")
    (True, False)
    """
    if _CODE.fullmatch(code) is None:
        return False  # Babel would ignore what follows a dot or @, and most of a third part
    try:
        Locale.parse(code)
    except (UnknownLocaleError, ValueError):
        return False
    return True


@lru_cache(maxsize=64)
def regional_locale(language: str, region: str | None) -> Locale:
    """Return Babel's locale of a language in a region, or of the language where there is none.

    >>> str(regional_locale("fr", "CA")), str(regional_locale("fr", "JP"))
    ('fr_CA', 'fr')
    """
    regional = f"{language}_{region}"
    return Locale.parse(regional if localedata.exists(regional) else language)


def negotiate(
    accept_language: str | None,
    cookie: str | None,
    available: Sequence[str],
    default: str,
) -> str:
    """Return the language to respond in: the reader's choice, else what the browser prefers.

    >>> negotiate("de, fr-CA;q=0.8, en;q=0.5", None, ("en", "fr"), "en")
    'fr'
    """
    if cookie in available:
        return str(cookie)
    for language in _preferred(accept_language or ""):
        if language in available:
            return language
    return default


def _preferred(accept_language: str) -> Iterator[str]:
    """Primary language tags of an Accept-Language header, the most wanted first."""
    wanted: list[tuple[float, str]] = []
    for entry in accept_language.split(",")[:20]:
        tag, _, parameters = entry.partition(";")
        quality = _quality(parameters)
        if quality > 0:
            wanted.append((quality, tag.strip().partition("-")[0].lower()))
    wanted.sort(key=lambda pair: -pair[0])
    return (language for _, language in wanted)


def _quality(parameters: str) -> float:
    name, _, value = parameters.partition("=")
    if name.strip() != "q":
        return 1.0
    try:
        return float(value)
    except ValueError:
        return 0.0


def shown_in(query: str, available: Sequence[str]) -> str | None:
    """Return the language that an address names, if the site has it.

    >>> shown_in("a=1&hl=fr", ("en", "fr")), shown_in("hl=de", ("en", "fr"))
    ('fr', None)
    """
    chosen = next((value for name, value in _pairs(query) if name == SHOWN_IN), None)
    return chosen if chosen in available else None


def _pairs(query: str) -> list[tuple[str, str]]:
    """Return the parameters of a query, and none of one that is too long to be kept."""
    return [] if len(query) > LONGEST_QUERY else parse_qsl(query, keep_blank_values=True)


def _without_languages(query: str) -> list[tuple[str, str]]:
    return [pair for pair in _pairs(query) if pair[0] not in (PARAMETER, SHOWN_IN)]


def links(current: str, query: str, available: Sequence[str]) -> list[LanguageLink]:
    """Return the language switch of a page: the same address and query in each language.

    A query of more than ``LONGEST_QUERY`` characters is left out.
    """
    rest = _without_languages(query)
    return [
        LanguageLink(
            code, own_name(code), f"?{urlencode([*rest, (PARAMETER, code)])}", code == current
        )
        for code in available
    ]


@lru_cache(maxsize=64)  # on every page, and slow to look up
def own_name(code: str) -> str:
    """Return a language's own name, as a list shows it.

    >>> own_name("fr")
    'Français'
    """
    name = Locale.parse(code).get_display_name(code) or code
    return name[0].upper() + name[1:]


def switch(
    path: str,
    query: str,
    *,
    available: Sequence[str],
    root_path: str = "",
    secure: bool = False,
) -> Redirect | None:
    """Return the redirect for ``?lang=fr``: it stores the choice and drops it from the address.

    ``None`` where the query names no language of the site. The location is within the site, for
    however many slashes ``path`` begins with; it has no mount prefix yet, as ``Redirect`` says.
    """
    chosen = next((value for name, value in _pairs(query) if name == PARAMETER), None)
    if chosen not in available:
        return None
    rest = urlencode(_without_languages(query))
    location = "/" + path.lstrip("/\\") + (f"?{rest}" if rest else "")
    cookie = f"{COOKIE}={chosen}; Path={root_path or '/'}; Max-Age={YEAR}; SameSite=Lax; HttpOnly"
    return Redirect(location, headers=(("set-cookie", cookie + "; Secure" if secure else cookie),))
