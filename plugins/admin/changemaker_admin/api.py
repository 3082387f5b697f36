"""What other plugins import from admin."""

from __future__ import annotations
