"""The plugins of a site once they are loaded, and what each of them contributes."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Generic, Literal, TypeVar, overload

from changemaker_core.plugin.errors import BootFailed, PluginError, described

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    import msgspec

    from changemaker_core.db.model import Model
    from changemaker_core.plugin.base import Plugin
    from changemaker_core.plugin.hooks import Hooks
    from changemaker_core.plugin.types import Authenticator, Job, Metric, Route, Subscription

T = TypeVar("T")
Settings = TypeVar("Settings", bound="msgspec.Struct")

Status = Literal["loaded", "failed", "blocked", "denied", "not_allowed", "safe_mode"]
Kind = Literal["models", "routes", "jobs", "metrics", "subscriptions", "authenticators"]

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
        self, kind: type[PluginError], problem: str, mend: str, others: tuple[str, ...] = ()
    ) -> PluginError:
        """An error of this plugin."""
        return kind(self.name, self.distribution, self.version, problem, mend, others)


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


@dataclass(frozen=True, slots=True)
class Contribution(Generic[T]):
    """Something that a plugin contributes, stamped with the plugin."""

    item: T
    plugin: LoadedPlugin


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
        self._contributions: Mapping[str, tuple[Contribution[Any], ...]] | None = None

    def freeze(self, contributions: Mapping[str, tuple[Contribution[Any], ...]]) -> None:
        """Sets what was collected, once."""
        if self._contributions is not None:
            raise RuntimeError("The plugins of this site are already loaded.")
        self._contributions = contributions

    @overload
    def contributions(self, kind: Literal["models"]) -> list[Contribution[type[Model]]]: ...
    @overload
    def contributions(self, kind: Literal["routes"]) -> list[Contribution[Route]]: ...
    @overload
    def contributions(self, kind: Literal["jobs"]) -> list[Contribution[Job]]: ...
    @overload
    def contributions(self, kind: Literal["metrics"]) -> list[Contribution[Metric]]: ...
    @overload
    def contributions(self, kind: Literal["subscriptions"]) -> list[Contribution[Subscription]]: ...
    @overload
    def contributions(
        self, kind: Literal["authenticators"]
    ) -> list[Contribution[Authenticator]]: ...
    def contributions(self, kind: Kind) -> list[Contribution[Any]]:
        """Everything of one kind, in dependency order. Complete when all plugins are loaded."""
        if self._contributions is None:
            raise RuntimeError("Plugins are still being loaded: ask when the site is built.")
        return list(self._contributions[kind])

    def contributed_by(self, plugin: LoadedPlugin) -> dict[str, list[Any]]:
        """What one plugin contributes, by kind."""
        everything = self._contributions or {}
        return {
            kind: [c.item for c in contributions if c.plugin is plugin]
            for kind, contributions in everything.items()
        }

    def sweep(self, hook: str, **arguments: Any) -> list[Contribution[Any]]:
        """What every implementation of a hook answers, in dependency order; lists are flattened.

        Raises :class:`BootFailed` with every implementation that raised or answered wrongly.
        """
        found, problems = self.hooks.sweep(self.plugins, hook, arguments)
        if problems:
            raise BootFailed(problems)
        return found

    def settings_of(self, of: type[Settings]) -> Settings:
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
