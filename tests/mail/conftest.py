from __future__ import annotations

import time
from typing import TYPE_CHECKING

import pytest

from changemaker_core.mail import Address, Message

if TYPE_CHECKING:
    from collections.abc import Callable


@pytest.fixture
def site_address() -> Address:
    return Address("Changemaker", "site@example.org")


@pytest.fixture
def message() -> Callable[..., Message]:
    """A message in which a test says only what it is about."""

    def make(**fields: object) -> Message:
        return Message(
            **{
                "to": Address("Mina Example", "mina@example.org"),
                "subject": "A park for everyone",
                "text": "Please keep the park.\n",
                **fields,
            }
        )

    return make


@pytest.fixture
def eventually() -> Callable[[Callable[[], bool]], None]:
    def wait(condition: Callable[[], bool]) -> None:
        deadline = time.monotonic() + 10
        while not condition():
            assert time.monotonic() < deadline
            time.sleep(0.005)

    return wait
