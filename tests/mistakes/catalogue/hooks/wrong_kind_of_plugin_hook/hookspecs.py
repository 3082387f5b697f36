"""Hooks that parks offers."""

from __future__ import annotations

from dataclasses import dataclass

from changemaker_core import Kind, hookspec


@dataclass(frozen=True)
class Bench:
    name: str


BENCHES = Kind("parks_register_benches", Bench)


@hookspec
def parks_register_benches(site) -> list[Bench]: ...
