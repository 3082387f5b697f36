"""Hooks that parks offers."""

from __future__ import annotations

from changemaker_core import Check, Kind, hookspec

KIND = Kind("parks_register_bench", Check)


@hookspec
def parks_register_benches(site) -> list[Check]: ...
