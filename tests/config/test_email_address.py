"""One grammar of email addresses: the pattern for forms and the check for mail agree."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core.config.email_address import PATTERN, is_email_address

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
    "address",
    ["no..dots@example.org", ".dot@example.org", "a@my_host.org", "a@-b.org", "\ud800@example.org"],
)
def test_addresses_that_are_rejected(address: str) -> None:
    assert not is_email_address(address)
    assert address.startswith("\ud800") or not re.search(PATTERN, address)
