"""Sealed values: read back as written, in their place, with a key that is configured."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core import BadSeal, Config, Sealer, SealKeyMissing, Site

if TYPE_CHECKING:
    from pathlib import Path

NEW, OLD = "n" * 32, "o" * 32
PLACE = "members.card/1"


def sealer(*secrets: str, purpose: str = "members") -> Sealer:
    return Sealer(secrets or (NEW,), purpose)


@given(st.text(max_size=200))
def test_a_text_is_read_as_it_was_sealed_and_shows_nowhere(text: str) -> None:
    token = sealer().seal(text, place=PLACE)
    assert sealer().unseal(token, place=PLACE) == text
    assert token != sealer().seal(text, place=PLACE), "equal texts have equal tokens"
    assert len(text) < 8 or text not in token


@given(st.data())
def test_a_changed_token_is_rejected(data: st.DataObject) -> None:
    token = sealer().seal("a secret", place=PLACE)
    at = data.draw(st.integers(0, len(token) - 1))
    letter = data.draw(st.characters(codec="ascii"))
    for changed in (token[:at] + letter + token[at + 1 :], token[:at] + letter + token[at:]):
        if changed != token:
            with pytest.raises(BadSeal):
                sealer().unseal(changed, place=PLACE)


@given(st.text(max_size=60))
def test_any_other_text_is_rejected(text: str) -> None:
    for read in (sealer().is_current, lambda token: sealer().unseal(token, place=PLACE)):
        with pytest.raises(BadSeal):
            read(text)


def test_a_token_is_bound_to_its_place_and_purpose() -> None:
    token = sealer().seal("a secret", place=PLACE)
    with pytest.raises(BadSeal, match="another place"):
        sealer().unseal(token, place="members.card/2")
    with pytest.raises(BadSeal, match="another place"):
        sealer(purpose="donors").unseal(token, place=PLACE)


def test_a_former_key_unseals_until_it_is_removed() -> None:
    old = sealer(OLD).seal("a secret", place=PLACE)
    both = sealer(NEW, OLD)
    assert not both.is_current(old)
    assert both.unseal(old, place=PLACE) == "a secret"
    new = both.reseal(old, place=PLACE)
    assert both.is_current(new)
    assert both.reseal(new, place=PLACE) == new
    assert sealer(NEW).unseal(new, place=PLACE) == "a secret"
    with pytest.raises(SealKeyMissing, match="previous_secret_keys"):
        sealer(NEW).unseal(old, place=PLACE)


def test_the_site_seals_with_its_keys(tmp_path: Path) -> None:
    before = Site(Config.for_tests(tmp_path, secret_key=OLD), [])
    token = before.sealer("members").seal("a secret", place=PLACE)
    after = Site(Config.for_tests(tmp_path, secret_key=NEW, previous_secret_keys=(OLD,)), [])
    assert after.sealer("members").unseal(token, place=PLACE) == "a secret"
    for site in (before, after):
        site.close()
