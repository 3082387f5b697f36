"""What other plugins import from admin."""

from __future__ import annotations

from changemaker_admin.dashboard.numbers import Numbers
from changemaker_admin.declarations import AdminScreen, Attention, Card, Screen, Step
from changemaker_admin.lists.declarations import (
    Badge,
    BulkAction,
    Choice,
    Column,
    DateRange,
    Empty,
    Link,
    Search,
)
from changemaker_admin.lists.screen import ListScreen

__all__ = [
    "AdminScreen",
    "Attention",
    "Badge",
    "BulkAction",
    "Card",
    "Choice",
    "Column",
    "DateRange",
    "Empty",
    "Link",
    "ListScreen",
    "Numbers",
    "Screen",
    "Search",
    "Step",
]
