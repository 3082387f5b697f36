"""Signed values: read back as written, for one purpose, until their time is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core import BadSignature, Config, SignatureExpired, Signer, Site
from changemaker_core.config import ConfigError
from changemaker_core.signing import MAX_TOKEN
from changemaker_core.testing import Clock

if TYPE_CHECKING:
    from pathlib import Path

NOON = datetime(2026, 7, 1, 12, tzinfo=UTC)
SECRET, OTHER = "s" * 32, "t" * 32
JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**60), 2**60) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=8,
)


def signer(*secrets: str, purpose: str = "petitions.confirm", clock: Any = lambda: NOON) -> Signer:
    return Signer(secrets or (SECRET,), purpose, clock)


class Confirm(msgspec.Struct):
    email: str


@given(JSON)
def test_a_value_is_read_as_it_was_written(value: Any) -> None:
    token = signer().write(value, lasts=timedelta(days=1))
    assert signer().read(token) == value
    assert token.isascii()
    assert not set(token) & set("=+/.?&#")


@given(JSON, st.data())
def test_a_changed_token_is_rejected(value: Any, data: st.DataObject) -> None:
    token = signer().write(value)
    at = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.characters(codec="ascii"))
    for changed in (token[:at] + letter + token[at + 1 :], token[:at] + letter + token[at:]):
        if changed != token:
            with pytest.raises(BadSignature):
                signer().read(changed)


@given(st.text(max_size=60))
def test_any_other_text_is_rejected(text: str) -> None:
    with pytest.raises(BadSignature):
        signer().read(text)


def test_a_token_is_for_one_purpose_of_one_site() -> None:
    token = signer().write("ada")
    for other in (signer(purpose="petitions.unsubscribe"), signer(OTHER)):
        with pytest.raises(BadSignature):
            other.read(token)


def test_a_token_ends_when_its_time_is_over() -> None:
    now = Clock()
    own = signer(clock=now)
    token = own.write("ada", lasts=timedelta(hours=1))
    now.forward(minutes=59)
    assert own.read(token) == "ada"
    now.forward(minutes=1)
    with pytest.raises(SignatureExpired):
        own.read(token)


def test_a_replaced_key_still_verifies_and_never_signs() -> None:
    before = signer(OTHER).write("ada")
    both = signer(SECRET, OTHER)
    assert both.read(before) == "ada"
    with pytest.raises(BadSignature):
        signer(OTHER).read(both.write("ada"))


def test_a_value_is_converted_or_the_token_is_rejected() -> None:
    token = signer().write(Confirm(email="ada@example.org"))
    assert signer().read(token, Confirm) == Confirm(email="ada@example.org")
    with pytest.raises(BadSignature, match="another kind of value"):
        signer().read(token, int)


def test_a_long_token_costs_no_hash() -> None:
    with pytest.raises(BadSignature, match="too long"):
        signer().read("a" * (MAX_TOKEN + 1))


def test_a_site_signs_with_its_keys(tmp_path: Path) -> None:
    old = Site(Config.for_tests(tmp_path, secret_key=OTHER), [])
    new = Site(Config.for_tests(tmp_path, secret_key=SECRET, previous_secret_keys=(OTHER,)), [])
    try:
        assert new.signer("petitions.confirm").read(old.signer("petitions.confirm").write(1)) == 1
    finally:
        old.close()
        new.close()


def test_a_short_previous_key_is_refused(tmp_path: Path) -> None:
    environ = {"CHANGEMAKER_SECRET_KEY": SECRET, "CHANGEMAKER_PREVIOUS_SECRET_KEYS": f"{OTHER},abc"}
    with pytest.raises(ConfigError, match="at least 32 bytes"):
        Config.load(tmp_path, environ)


def test_absolute_addresses(tmp_path: Path) -> None:
    site = Site(Config.for_tests(tmp_path, base_url="https://example.org/act/"), [])
    try:
        assert site.url("/petitions") == "https://example.org/act/petitions"
        with pytest.raises(ValueError, match="begin it with a /"):
            site.url("petitions")
    finally:
        site.close()
