"""Forms of the pages for operators."""

from __future__ import annotations

import msgspec


class NoFields(msgspec.Struct, frozen=True):
    """A form of one button."""
