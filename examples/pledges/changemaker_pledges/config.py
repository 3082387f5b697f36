"""What an operator may set under ``[pledges]``."""

from __future__ import annotations

import msgspec


class PledgesConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``promise`` is what people say when they pledge."""

    promise: str = "I will come to the next council meeting"
