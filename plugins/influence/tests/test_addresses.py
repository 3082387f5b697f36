"""One person is one address, however it is typed."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core.mail import Address, HeaderInjection, InvalidAddress
from changemaker_influence.addresses import MAX_ADDRESS, canonical


@pytest.mark.parametrize(
    ("typed", "same"),
    [
        ("Sacha@Example.org", "sacha@example.org"),
        ("sacha@exämple.org", "sacha@xn--exmple-cua.org"),
        ("sach\uff41@example.org", "sacha@example.org"),
        ("zoe\u0301@example.org", "zoé@example.org"),
        ("sacha@exam\u00adple.org", "sacha@example.org"),
        ("sa\u200bcha@example.org", "sacha@example.org"),
        ("sa\u034fcha@example.org", "sacha@example.org"),
        ("sa\ufe0fcha@example.org", "sacha@example.org"),
        ("zoe\u200b\u0301@example.org", "zoé@example.org"),
        ("sacha@exam\u200dple.org", "sacha@example.org"),
        ("anna@FA\u1e9e.example", "anna@xn--fa-hia.example"),
    ],
)
def test_equal_looking_addresses_are_equal(typed, same):
    assert canonical(typed) == canonical(same) == same


@pytest.mark.parametrize(
    ("domain", "other"),
    [
        ("fa\u00df.example", "fass.example"),
        (
            "\u0646\u0627\u0645\u0647\u200c\u0627\u06cc.example",
            "\u0646\u0627\u0645\u0647\u0627\u06cc.example",
        ),
        ("\u03bf\u03b4\u03cc\u03c2.example", "\u03bf\u03b4\u03cc\u03c3.example"),
    ],
)
def test_domains_of_others_are_other_addresses(domain, other):
    assert canonical(f"anna@{domain}") != canonical(f"anna@{other}")


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_canonical_address_is_stable_and_valid(local, domain):
    try:
        address = canonical(f"{local}@{domain}.example.org")
    except (InvalidAddress, HeaderInjection):
        return
    assert canonical(address) == address
    assert Address("", address).envelope == address
    assert len(address) <= MAX_ADDRESS


def test_an_address_that_becomes_too_long_is_refused():
    with pytest.raises(InvalidAddress):
        canonical("a@" + ".".join(["ä" * 40] * 6) + ".ca")
