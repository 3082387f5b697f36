"""One plugin of a site: loaded, or left out."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import metadata
from typing import TYPE_CHECKING, Literal

from changemaker_core.plugin.errors import PluginError, described

if TYPE_CHECKING:
    from collections.abc import Collection
    from pathlib import Path

    from changemaker_core.plugin.base import Plugin

Status = Literal["loaded", "failed", "blocked", "denied", "not_allowed", "safe_mode"]


def is_installed(distribution: str | None) -> bool:
    """Return whether a distribution is installed, and not as editable: another wrote its code."""
    if distribution is None:
        return False
    try:
        written = metadata.distribution(distribution).read_text("direct_url.json")
        return not json.loads(written or "{}").get("dir_info", {}).get("editable")
    except (metadata.PackageNotFoundError, OSError, ValueError, AttributeError):
        return True


@dataclass(frozen=True, slots=True, eq=False)
class Origin:
    """What a plugin is called, and where it comes from.

    ``distribution`` and ``version`` are None for a class that no installed distribution offers.
    """

    name: str
    version: str | None
    distribution: str | None

    def __str__(self) -> str:
        return described(self.name, self.distribution, self.version)

    def error(
        self, kind: type[PluginError], problem: str, fix: str, others: tuple[str, ...] = ()
    ) -> PluginError:
        """Return an error of this plugin."""
        return kind(self.name, self.distribution, self.version, problem, fix, others)

    def skipped(self, status: Status, reason: str) -> Skipped:
        """Return the record that it is not loaded."""
        return Skipped(self.name, self.version, self.distribution, status, reason)


@dataclass(frozen=True, slots=True, eq=False)
class LoadedPlugin(Origin):
    """A plugin that runs in this app. ``folder`` is its package's: templates, migrations, …"""

    instance: Plugin
    folder: Path
    #: One of core's own features.
    core: bool = False
    #: Whether the site has ``development = true``.
    development: bool = False
    status: Status = "loaded"

    @property
    def is_developed_here(self) -> bool:
        """Whether its author runs the site: in development, editable, or not installed."""
        return self.development or not is_installed(self.distribution)

    def is_mounted(self, only: Collection[str], except_: Collection[str]) -> bool:
        """Return whether a process with ``--only`` and ``--except`` serves this plugin.

        Core's own features are always mounted.
        """
        return self.core or ((not only or self.name in only) and self.name not in except_)


@dataclass(frozen=True, slots=True)
class PluginInfo:
    """A loaded plugin, as ``site.plugins()`` returns it.

    ``distribution`` and ``version`` are ``None`` where no installed distribution provides it.
    ``core`` marks core's own features.
    """

    name: str
    version: str | None
    distribution: str | None
    core: bool


@dataclass(frozen=True, slots=True)
class Skipped(Origin):
    """A plugin that is installed or requested but not loaded, and the reason."""

    status: Status
    reason: str
