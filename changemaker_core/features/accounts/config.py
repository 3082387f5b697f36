"""Configuration: the ``[accounts]`` table of ``changemaker.toml``."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta


class AccountsConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """How long a person stays signed in in a browser.

    ``session_idle_minutes``: after so many minutes without a request, a session ends. They are
    counted to within a tenth.
    ``session_days``: after so many days, a session ends, however it is used.
    """

    session_idle_minutes: Annotated[float, Meta(ge=1, le=366 * 1440)] = 720
    session_days: Annotated[float, Meta(gt=0, le=366)] = 7.0
