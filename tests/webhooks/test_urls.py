"""Which URLs are stored: only those that every program reads alike."""

from __future__ import annotations

from urllib.parse import urlsplit

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core.features.webhooks.config import WebhooksConfig
from changemaker_core.features.webhooks.urls import LONGEST, URLRefused, check_url
from changemaker_core.outgoing import AllowedServers

NONE = AllowedServers()
OWN = AllowedServers(["crm.lan", "10.20.0.0/24"])


@pytest.mark.parametrize(
    "url",
    [
        "https://example.org",
        "https://example.org/hooks?site=7&x=%C3%A9",
        "https://example.org:8443/",
        "https://xn--bcher-kva.example/",
        "https://9.9.9.9/",
        "https://[2620:fe::9]/",
        "https://127.0.0.1/",  # refused for its address, when it is looked up
        "HTTPS://EXAMPLE.ORG./",
        "https://a_b.example.org/",
    ],
)
def test_what_is_stored(url):
    check_url(url, NONE)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("http://example.org/", "https://"),
        ("ftp://example.org/", "Enter an address"),
        ("//example.org/", "Enter an address"),
        ("example.org", "Enter an address"),
        ("https:///hooks", "Enter an address"),
        ("https://example.org:0/", "Enter an address"),
        ("https://example.org:99999/", "Enter an address"),
        ("https://example.org:x/", "Enter an address"),
        ("https://example.org:25/", "port"),
        ("https://ada@example.org/", "user name"),
        ("https://ada:secret@example.org/", "user name"),
        ("https://example.org@evil.example/", "user name"),
        ("https://@evil.example/", "user name"),
        ("https://example.org/#part", "#"),
        ("https://example.org\\@evil.example/", "percent-encoded"),
        ("https://exa mple.org/", "percent-encoded"),
        ("https://example.org/\r\nX: y", "percent-encoded"),
        ("https://bücher.example/", "percent-encoded"),
        ("https://\uff11\uff12\uff17.\uff10.\uff10.\uff11/", "percent-encoded"),
        ("https://2130706433/", "four decimal numbers"),
        ("https://0x7f.1/", "four decimal numbers"),
        ("https://0x7f000001/", "four decimal numbers"),
        ("https://0177.0.0.1/", "four decimal numbers"),
        ("https://127.1/", "four decimal numbers"),
        ("https://1.2.3.4.5/", "four decimal numbers"),
        ("https://[::1%25eth0]/", "zone"),
        ("https://[::1]x/", "name of a host"),
        ("https://a..b/", "name of a host"),
        ("https://-a.example/", "name of a host"),
        ("https://a%2eb/", "name of a host"),
        ("https://example.org/" + "x" * LONGEST, "characters"),
    ],
)
def test_what_is_not(url, says):
    with pytest.raises(URLRefused, match=says):
        check_url(url, NONE)


@pytest.mark.parametrize("url", ["http://crm.lan/", "http://10.20.0.7:80/x", "https://crm.lan:25/"])
def test_servers_that_the_operator_allows_need_no_tls(url):
    check_url(url, OWN)
    with pytest.raises(URLRefused):
        check_url(url, NONE)


@given(st.one_of(st.text(), st.from_regex(r"https?://[!-~]{1,40}", fullmatch=True)))
def test_what_is_stored_is_read_alike_by_the_program_that_sends(url):
    """The host that is checked is the one that httpx connects to."""
    try:
        check_url(url, OWN)
    except URLRefused:
        return
    read = httpx.URL(url)
    assert read.host.lower() == (urlsplit(url).hostname or "").lower()
    assert read.scheme == urlsplit(url).scheme and not read.userinfo


def test_a_wrong_entry_of_the_configuration_is_an_error():
    with pytest.raises(ValueError, match=r"crm\.lan:8443.*without scheme and port"):
        WebhooksConfig(allow=("crm.lan:8443",))
