"""Fixtures of mail."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core.testing.smtp import SmtpServer


@pytest.fixture
def smtp_server() -> Iterator[SmtpServer]:
    """A real SMTP server on an ephemeral port, which records and misbehaves as told."""
    from changemaker_core.testing.smtp import SmtpServer

    with SmtpServer() as server:
        yield server
