"""One grammar of email addresses: the pattern for forms and the check for mail agree."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core.config.email_address import PATTERN, ascii_domain, is_email_address
from changemaker_core.config.smtp_url import SmtpUrl

_CHARACTERS = st.text(st.sampled_from("abZ9-_.+'\"@<>()[],;: \n\x7f"), max_size=6)


@given(_CHARACTERS, _CHARACTERS)
def test_pattern_and_check_agree_on_ascii(local: str, domain: str) -> None:
    address = f"{local}@{domain}.org"
    assert bool(re.search(PATTERN, address)) == is_email_address(address)


@given(st.text(max_size=8), st.text(max_size=8))
def test_the_pattern_accepts_every_valid_address(local: str, domain: str) -> None:
    address = f"{local}@{domain}.org"
    if is_email_address(address):
        assert re.search(PATTERN, address)


@pytest.mark.parametrize(
    ("domain", "ascii_"),
    [
        ("fa\u00df.example", "xn--fa-hia.example"),
        ("FA\u1e9e.example", "xn--fa-hia.example"),
        ("\u039f\u0394\u039f\u03a3.example", "xn--pxavbq.example"),
        ("\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.example", "xn--mgba3gch31f060k.example"),
        ("QUÉBEC。example", "xn--qubec-csa.example"),
        ("Example.ORG", "Example.ORG"),
    ],
)
def test_a_domain_is_the_one_that_browsers_open(domain: str, ascii_: str) -> None:
    """IDNA 2003 would write to somebody else's domain."""
    assert ascii_domain(domain) == ascii_
    assert is_email_address(f"anna@{domain}")
    assert SmtpUrl.parse(f"smtp://{domain}").host == ascii_.lower()


@pytest.mark.parametrize("domain", ["\u2603.example", "exa\u200dmple.org", "x\u202e\u00e4.org"])
def test_domains_that_idna_2008_does_not_have(domain: str) -> None:
    assert not is_email_address(f"anna@{domain}")
    if not domain.isascii():
        with pytest.raises(UnicodeError):
            ascii_domain(domain)


@pytest.mark.parametrize(
    "address",
    ["no..dots@example.org", ".dot@example.org", "a@my_host.org", "a@-b.org", "\ud800@example.org"],
)
def test_addresses_that_are_rejected(address: str) -> None:
    assert not is_email_address(address)
    assert address.startswith("\ud800") or not re.search(PATTERN, address)
