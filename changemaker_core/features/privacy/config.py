"""Configuration: the ``[privacy]`` table of ``changemaker.toml``."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class PrivacyConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long personal data is kept.

    ``retention_days``: for a kind of personal data, after how many days it is deleted or
    anonymised; 0 keeps it. ``changemaker privacy kinds`` lists the kinds and their defaults.
    """

    retention_days: dict[str, Annotated[int, Meta(ge=0, le=36_600)]] = {}
