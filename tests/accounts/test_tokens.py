"""Access tokens: verified once, and refused as soon as their time is over."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import jwt
import pytest

from changemaker_core.features.accounts.tokens import access_tokens as tokens
from changemaker_core.features.accounts.tokens.access_tokens import (
    ACCESS_LIFETIME,
    AccessTokens,
    InvalidToken,
)

NOW = datetime(2030, 5, 1, 12, tzinfo=UTC)
SESSION = "a session"
SECRET = "a secret of the tests, long enough"


@pytest.fixture
def access():
    return AccessTokens.of(SECRET)


@pytest.fixture
def verified(monkeypatch):
    """Tokens that were verified, as often as they were."""
    seen = []
    decode = jwt.decode

    def noting(token, *args, **options):
        seen.append(token)
        return decode(token, *args, **options)

    monkeypatch.setattr(jwt, "decode", noting)
    return seen


def test_a_token_is_verified_once(access, verified):
    token = access.issue("somebody", SESSION, NOW)
    assert {access.claims(token, NOW)[:2] for _ in range(5)} == {("somebody", SESSION)}
    assert verified == [token]


def test_a_remembered_token_expires(access):
    token = access.issue("somebody", SESSION, NOW)
    last = NOW + ACCESS_LIFETIME - timedelta(seconds=1)
    assert access.claims(token, NOW).user_id == access.claims(token, last).user_id == "somebody"
    for _ in range(2):
        with pytest.raises(InvalidToken):
            access.claims(token, NOW + ACCESS_LIFETIME)


def test_what_resembles_a_remembered_token_is_refused(access):
    token = access.issue("somebody", SESSION, NOW)
    access.claims(token, NOW)
    head, claims, signature = token.split(".")
    other = access.issue("somebody else", SESSION, NOW).split(".")[1]
    for forged in (f"{head}.{other}.{signature}", f"{head}.{claims}.", token[:-2], token + "A", ""):
        with pytest.raises(InvalidToken):
            access.claims(forged, NOW)


def test_bad_tokens_are_not_remembered(access, verified):
    for _ in range(3):
        with pytest.raises(InvalidToken):
            access.claims("no token", NOW)
    assert len(verified) == 3


def test_another_site_does_not_know_it(access):
    token = access.issue("somebody", SESSION, NOW)
    assert access.claims(token, NOW).user_id == "somebody"
    with pytest.raises(InvalidToken):
        AccessTokens.of("the secret of another site, long").claims(token, NOW)


def test_only_so_many_are_remembered(access, verified, monkeypatch):
    monkeypatch.setattr(tokens, "REMEMBERED", 2)
    first, second, third = (access.issue(name, SESSION, NOW) for name in ("a", "b", "c"))
    for token in (first, second, first, third, first, second):
        access.claims(token, NOW)
    assert verified == [first, second, third, second]
