"""Configuration: the ``[pledges]`` table of ``changemaker.toml``."""

from __future__ import annotations

import msgspec

from changemaker_core import Text


class PledgesConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``promise`` is the sentence that people agree to."""

    promise: str = Text("I will come to the next council meeting")
