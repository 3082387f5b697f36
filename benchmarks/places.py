"""Where everything is: sources in this folder, everything that is made in a cache outside of it."""

from __future__ import annotations

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
ROOT = HERE.parent
PEERS = HERE / "peers"
SCRIPTS = HERE / "scripts"
#: ``changemaker`` of the environment that this runs in.
CHANGEMAKER = Path(sys.executable).with_name("changemaker")


def cache() -> Path:
    """The folder for what is installed, seeded and measured; ``BENCHMARKS_CACHE`` names another."""
    named = os.environ.get("BENCHMARKS_CACHE")
    base = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    folder = Path(named) if named else Path(base) / "changemaker-benchmarks"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def made(*names: str) -> Path:
    """A folder in the cache, made where it is missing."""
    folder = cache().joinpath(*names)
    folder.mkdir(parents=True, exist_ok=True)
    return folder
