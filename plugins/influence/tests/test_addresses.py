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
    ],
)
def test_equal_looking_addresses_are_equal(typed, same):
    assert canonical(typed) == canonical(same) == same


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
