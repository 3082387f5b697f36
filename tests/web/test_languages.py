"""Which language a reader gets, and the switch."""

from __future__ import annotations

from urllib.parse import parse_qs, urlencode, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core.web.languages import is_language, links, negotiate, shown_in, switch


@pytest.mark.parametrize(
    ("accept", "cookie", "expected"),
    [
        (None, None, "en"),
        ("fr", None, "fr"),
        ("fr-CA,fr;q=0.9,en;q=0.8", None, "fr"),
        ("en;q=0.3, fr;q=0.7", None, "fr"),
        ("de, es;q=0.9", None, "en"),
        ("fr;q=0, en", None, "en"),
        ("FR-ca", None, "fr"),
        ("fr;q=x", None, "en"),
        ("en", "fr", "fr"),
        ("fr", "xx", "fr"),
        (",;=,;;", "", "en"),
    ],
)
def test_negotiation(accept: str | None, cookie: str | None, expected: str) -> None:
    assert negotiate(accept, cookie, ("en", "fr"), "en") == expected


@given(st.text(), st.text())
def test_any_header_negotiates_a_language_of_the_site(accept: str, cookie: str) -> None:
    assert negotiate(accept, cookie, ("en", "fr"), "en") in {"en", "fr"}


def test_the_default_is_the_site_s_own() -> None:
    assert negotiate("de", None, ("en", "fr"), "fr") == "fr"


def test_links_keep_the_query_and_mark_the_current_language() -> None:
    english, french = links("fr", "from=the+leaflet&lang=en", ("en", "fr"))
    assert parse_qs(english.href[1:]) == {"from": ["the leaflet"], "lang": ["en"]}
    assert (english.name, french.name) == ("English", "Français")
    assert (english.current, french.current) == (False, True)


def test_switching_sets_the_cookie_and_drops_the_parameter() -> None:
    redirect = switch(
        "/campaigns/parks", "from=leaflet&lang=fr&x=", available=("en", "fr"), root_path="/act"
    )
    assert redirect is not None
    assert (redirect.status, redirect.location) == (303, "/campaigns/parks?from=leaflet&x=")
    ((name, cookie),) = redirect.headers
    assert name == "set-cookie"
    assert cookie.split("; ")[:2] == ["cm_lang=fr", "Path=/act"]
    assert "Secure" not in cookie


def test_the_cookie_is_secure_behind_tls() -> None:
    redirect = switch("/", "lang=fr", available=("en", "fr"), secure=True)
    assert redirect is not None
    assert redirect.headers[0][1].endswith("; Secure")


@pytest.mark.parametrize(
    "query", ["", "lang=", "lang=de", "lang=fr%0d%0aSet-Cookie:x=1", "language=fr"]
)
def test_what_asks_for_no_language_of_the_site_is_left_alone(query: str) -> None:
    assert switch("/campaigns", query, available=("en", "fr")) is None


@given(
    st.text(alphabet="/\\abc.@:%?#"),
    st.dictionaries(st.text(max_size=20), st.text(max_size=20), max_size=3),
)
def test_the_redirect_never_leaves_the_site(path: str, others: dict[str, str]) -> None:
    redirect = switch(path, urlencode({**others, "lang": "fr"}), available=("en", "fr"))
    assert redirect is not None
    parts = urlsplit(redirect.location)
    assert (parts.scheme, parts.netloc) == ("", "")
    assert redirect.location[:1] == "/"
    assert redirect.location[1:2] not in {"/", "\\"}


def test_a_query_of_any_length_costs_a_page_nothing():
    """Visitors choose it, and each page would hold it once for every language."""
    query = "%41=%42&" * 7_500
    assert [each.href for each in links("fr", query, ("en", "fr"))] == ["?lang=en", "?lang=fr"]
    assert switch("/", f"{query}lang=fr", available=("en", "fr")) is None
    assert shown_in(f"{query}hl=fr", ("en", "fr")) is None
    kept = links("fr", "a=" + "b" * 1_500, ("en", "fr"))
    assert kept[0].href == f"?a={'b' * 1_500}&lang=en"


@pytest.mark.parametrize(
    ("code", "known"),
    [
        *((code, True) for code in ("en", "fr_CA", "zh_Hans", "es_419", "haw")),
        # Babel reads each of these as some language.
        *((code, False) for code in ("fr.UTF-8", "fr@euro", "root", "fr_CA\0x", "fr-CA", "FR", "")),
    ],
)
def test_a_language_is_a_code_and_nothing_beside_it(code: str, known: bool) -> None:
    assert is_language(code) is known
