"""CSRF tokens of a session, and the devices that sessions are recognised by."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core.features.accounts.sessions.devices import describe
from changemaker_core.http.sessions import Session
from changemaker_core.signing import from_base64url, to_base64url

STORE: Any = None  # tokens need none
MINE = Session("1", "the secret in my cookie", STORE)
THEIRS = Session("2", "the secret in their cookie", STORE)


def test_every_token_of_a_session_is_another_and_valid() -> None:
    tokens = {MINE.csrf_token() for _ in range(50)}
    assert len(tokens) == 50
    assert all(MINE.is_csrf_token(token) for token in tokens)


def test_a_token_is_valid_in_its_own_session_only() -> None:
    assert not MINE.is_csrf_token(THEIRS.csrf_token())
    same_row = Session("1", "a new secret after another sign-in", STORE)
    assert not same_row.is_csrf_token(MINE.csrf_token())


@given(st.integers(0, 31), st.integers(1, 255))
def test_a_token_with_one_changed_byte_is_refused(position: int, change: int) -> None:
    raw = bytearray(from_base64url(MINE.csrf_token()))
    raw[position] ^= change
    assert not MINE.is_csrf_token(to_base64url(raw))


@given(st.one_of(st.text(), st.binary(max_size=64).map(lambda b: base64.b64encode(b).decode())))
def test_whatever_is_sent_is_refused_without_an_error(sent: str) -> None:
    assert not MINE.is_csrf_token(sent)


@pytest.mark.parametrize(
    ("user_agent", "device"),
    [
        (
            "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko)"
            " Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
            "Edge on Windows",
        ),
        (
            "Mozilla/5.0 (iPhone; CPU iPhone OS 19_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML,"
            " like Gecko) Version/19.0 Mobile/15E148 Safari/604.1",
            "Safari on iPhone",
        ),
        (
            "Mozilla/5.0 (Linux; Android 15; K) AppleWebKit/537.36 (KHTML, like Gecko)"
            " Chrome/142.0.0.0 Mobile Safari/537.36",
            "Chrome on Android",
        ),
        (
            "Mozilla/5.0 (Macintosh; Intel Mac OS X 14.7; rv:140.0) Firefox/140.0",
            "Firefox on macOS",
        ),
        ("curl/8.5 Linux", "Linux"),
        ("", "Unknown device"),
    ],
)
def test_people_recognise_their_devices(user_agent: str, device: str) -> None:
    assert describe(user_agent) == device
