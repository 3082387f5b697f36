"""What letters add to the organisers' pages, where admin is installed."""

from __future__ import annotations

from changemaker_admin.api import AdminScreen, Screen
from changemaker_influence.letters.pages import CancelPage, LetterPage, RetryPage, SettlePage


def screens() -> list[AdminScreen]:
    """Return the screens of letters."""
    return [
        Screen("/admin/letters/{id}", LetterPage()),
        Screen("/admin/letters/{id}/retry", RetryPage()),
        Screen("/admin/letters/{id}/cancel", CancelPage()),
        Screen("/admin/letters/{id}/settle", SettlePage()),
    ]
