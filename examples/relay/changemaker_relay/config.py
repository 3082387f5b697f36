"""Configuration: the ``[relay]`` table of ``changemaker.toml``."""

from __future__ import annotations

import msgspec

from changemaker_core import Secret


class RelayConfig(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """``peers`` are base URLs; ``key`` signs requests between them and this site.

    ``public_only=False`` allows peers in a private network.
    """

    peers: tuple[str, ...] = ()
    key: Secret
    public_only: bool = True
