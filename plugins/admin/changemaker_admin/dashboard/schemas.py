"""What the dashboard's page shows."""

from __future__ import annotations

from typing import Literal

import msgspec

from changemaker_admin.dashboard.numbers import Numbers


class ShownCard(msgspec.Struct, frozen=True, kw_only=True):
    """A card with its number or its days; with neither where they cannot be read."""

    title: str
    link: str | None
    number: int | None
    days: Numbers | None


class Waiting(msgspec.Struct, frozen=True, kw_only=True):
    """Something that waits for a person; ``count`` where there is something to count."""

    title: str
    detail: str
    link: str
    severity: Literal["info", "warning", "danger"]
    count: int | None


class ShownStep(msgspec.Struct, frozen=True, kw_only=True):
    """A step of the checklist; ``link`` where the reader may do it."""

    title: str
    detail: str
    link: str | None
    done: bool
    optional: bool


class DashboardOut(msgspec.Struct, frozen=True, kw_only=True):
    """What the dashboard shows one person; ``steps`` is empty once the checklist is done."""

    cards: list[ShownCard]
    waiting: list[Waiting]
    steps: list[ShownStep]

    @property
    def is_empty(self) -> bool:
        """Whether there is nothing on it for this person."""
        return not (self.cards or self.waiting or self.steps)
