"""What other plugins import from admin."""

from __future__ import annotations

from changemaker_admin.declarations import AdminScreen, Attention, Card, Screen, Step

__all__ = ["AdminScreen", "Attention", "Card", "Screen", "Step"]
