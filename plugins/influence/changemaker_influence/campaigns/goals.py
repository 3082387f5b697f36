"""Goals: how many messages a campaign aims at, and what follows a goal that is reached."""

from __future__ import annotations

from typing import Final

#: The steps of goals within a power of ten, in tenths: 100, 150, 200, 250, 300, 400, 500, 750.
_STEPS: Final[tuple[int, ...]] = (10, 15, 20, 25, 30, 40, 50, 75)


def goal_now(goal: int | None, sent: int) -> int | None:
    """Return what a campaign aims at now: its ``goal``, or the next one once that is reached.

    A bar that is full asks nobody to go on, so the goal moves before it is. It never falls.

    >>> goal_now(100, 40), goal_now(100, 100), goal_now(100, 1_234), goal_now(None, 5)
    (100, 150, 1500, None)
    """
    if goal is None or sent < goal:
        return goal
    power: int = 10 ** max(len(str(sent)) - 2, 0)
    while True:
        for step in _STEPS:
            if (following := step * power) > sent:
                return following
        power *= 10


def percentage(sent: int, goal: int) -> int:
    """Return how far a goal is reached, in whole percent, 100 at most.

    >>> percentage(999, 1_000)
    99
    """
    return min(100, sent * 100 // goal)
