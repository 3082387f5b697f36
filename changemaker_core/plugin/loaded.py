"""The plugins of a site once they are loaded, and what each of them contributes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, TypeVar

from changemaker_core.plugin.errors import BootFailed, PluginError, described

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import msgspec

    from changemaker_core.plugin.base import Plugin
    from changemaker_core.plugin.contributions import Contribution, Kind
    from changemaker_core.plugin.hooks import Hooks

T = TypeVar("T")
Settings = TypeVar("Settings", bound="msgspec.Struct")

Status = Literal["loaded", "failed", "blocked", "denied", "not_allowed", "safe_mode"]

#: The folder of core itself, whose tables belong to a plugin-like owner named ``core``.
CORE_FOLDER = Path(__file__).parents[1]


@dataclass(frozen=True, slots=True, eq=False)
class LoadedPlugin:
    """A plugin that runs in this app. ``folder`` is its package's: templates, migrations, …

    ``distribution`` and ``version`` are None for a class that no installed distribution offers.
    """

    name: str
    version: str | None
    distribution: str | None
    instance: Plugin
    folder: Path
    #: One of core's own features.
    core: bool = False
    status: Status = "loaded"

    def __str__(self) -> str:
        return described(self.name, self.distribution, self.version)

    def error(
        self, kind: type[PluginError], problem: str, fix: str, others: tuple[str, ...] = ()
    ) -> PluginError:
        """An error of this plugin."""
        return kind(self.name, self.distribution, self.version, problem, fix, others)


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
class Skipped:
    """A plugin that is installed, or asked for, and does not run in this app; and why."""

    name: str
    version: str | None
    distribution: str | None
    status: Status
    reason: str


class Loaded:
    """The plugins of one app, in dependency order. Nothing changes once it is collected."""

    def __init__(
        self,
        plugins: Sequence[LoadedPlugin],
        skipped: Sequence[Skipped],
        settings: Mapping[type[msgspec.Struct], msgspec.Struct],
        hooks: Hooks,
    ) -> None:
        self.plugins = tuple(plugins)
        self.skipped = tuple(skipped)
        self.settings = settings
        self.hooks = hooks
        self._contributions: dict[str, tuple[Contribution[Any], ...]] = {}

    def freeze(self, kind: Kind[T], contributions: Sequence[Contribution[T]]) -> None:
        """Set what was collected of one kind, once."""
        if kind.name in self._contributions:
            raise RuntimeError(f"The {kind.name} of this site are already collected.")
        self._contributions[kind.name] = tuple(contributions)

    def contributions(self, kind: Kind[T]) -> list[Contribution[T]]:
        """Return everything of one kind, in dependency order.

        Kinds are collected in the order of ``hookspecs.KINDS``: a hook that registers routes can
        look at permissions and roles. Raises ``RuntimeError`` for a kind that is not collected yet.
        """
        if kind.name not in self._contributions:
            raise RuntimeError(f"The {kind.name} are still being collected: ask later.")
        return list(self._contributions[kind.name])

    def contributed_by(self, plugin: LoadedPlugin) -> dict[str, list[Any]]:
        """What one plugin contributes, by kind."""
        return {
            kind: [c.item for c in contributions if c.plugin is plugin]
            for kind, contributions in self._contributions.items()
        }

    def call_hook(self, hook: str, **arguments: Any) -> list[Contribution[Any]]:
        """Return what every implementation of a hook returns, flattened, in dependency order.

        Raises :class:`BootFailed` with every implementation that raised or returned a wrong value.
        """
        found, problems = self.hooks.collect(self.plugins, hook, arguments)
        if problems:
            raise BootFailed(problems)
        return found

    def config_of(self, of: type[Settings]) -> Settings:
        """A plugin's configuration, by the Struct that it declared as ``config``."""
        settings = self.settings[of]
        assert isinstance(settings, of)  # noqa: S101  # the mapping is keyed by the type
        return settings

    def plugin(self, name: str) -> LoadedPlugin | None:
        """The plugin of this name, where it is loaded."""
        return next((plugin for plugin in self.plugins if plugin.name == name), None)

    def package_folders(self) -> dict[str, Path]:
        """Each owner's package folder, core's (``core``) first, then in dependency order."""
        return {"core": CORE_FOLDER} | {plugin.name: plugin.folder for plugin in self.plugins}
