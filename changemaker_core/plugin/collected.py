"""All plugins of one site, and what they contribute."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from changemaker_core.plugin.errors import BootFailed

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    import msgspec

    from changemaker_core.config import Config
    from changemaker_core.plugin.contributions import Contribution, Kind
    from changemaker_core.plugin.errors import PluginError
    from changemaker_core.plugin.hooks import Hooks
    from changemaker_core.plugin.loaded import LoadedPlugin, Skipped

T = TypeVar("T")
PluginConfig = TypeVar("PluginConfig", bound="msgspec.Struct")

#: The folder of core itself, whose tables belong to a plugin-like owner named ``core``.
CORE_FOLDER = Path(__file__).parents[1]


class LoadedPlugins:
    """The plugins of one app, in dependency order. Nothing changes once it is collected."""

    def __init__(
        self,
        plugins: Sequence[LoadedPlugin],
        skipped: Sequence[Skipped],
        settings: Mapping[type[msgspec.Struct], msgspec.Struct],
        hooks: Hooks,
        config: Config,
    ) -> None:
        self.plugins = tuple(plugins)
        self.skipped = tuple(skipped)
        self.settings = settings
        self.hooks = hooks
        self.config = config
        self._contributions: dict[str, tuple[Contribution[Any], ...]] = {}
        self._offered: dict[str, list[Contribution[Any]]] = {}
        #: The names of kinds of which some are missing, since a hook failed: that is reported, and
        #: what seems wrong without them is not.
        self.incomplete: set[str] = set()

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
        """Return what one plugin contributes, by kind."""
        return {
            kind: [c.item for c in contributions if c.plugin is plugin]
            for kind, contributions in self._contributions.items()
        }

    def call_hook(self, hook: str, **arguments: Any) -> list[Contribution[Any]]:
        """Return what every implementation of a hook returns, flattened, in dependency order.

        A hook that takes only the site is called once for a site, at the latest when it is built;
        its result is kept. Raises :class:`BootFailed` with every implementation that raised or
        returned a wrong value.
        """
        kept = arguments.keys() == {"site"}
        if kept and hook in self._offered:
            return list(self._offered[hook])
        found, problems = self.hooks.collect(self.plugins, hook, arguments)
        if problems:
            raise BootFailed(problems)
        if kept:
            self._offered[hook] = found
        return list(found)

    def collect_offered(self, hook: str, site: object) -> list[PluginError]:
        """Call a hook that takes only the site, unless it was; return what is wrong."""
        if hook in self._offered:
            return []
        self._offered[hook], problems = self.hooks.collect(self.plugins, hook, {"site": site})
        return problems

    def offered(self, hook: str) -> list[Contribution[Any]]:
        """Return the valid results of a hook that takes only the site, as they were kept."""
        return list(self._offered[hook])

    def offered_items(self) -> Iterator[tuple[Kind[Any], Contribution[Any]]]:
        """Yield what the hooks of features and plugins returned, with its kind."""
        for name, found in self._offered.items():
            kind = self.hooks.specs()[name].kind
            if kind is not None:
                yield from ((kind, each) for each in found)

    def config_of(self, of: type[PluginConfig]) -> PluginConfig:
        """Return a plugin's configuration, by the Struct that it declares as ``config``."""
        settings = self.settings[of]
        assert isinstance(settings, of)  # noqa: S101  # the mapping is keyed by the type
        return settings

    def config_for(self, plugin: LoadedPlugin) -> Any:
        """Return the configuration of ``plugin``, and core's for one that has none of its own."""
        struct = plugin.instance.config
        return self.config if struct is None else self.settings[struct]

    def plugin(self, name: str) -> LoadedPlugin | None:
        """Return the plugin of this name; None when it is not loaded."""
        return next((plugin for plugin in self.plugins if plugin.name == name), None)

    def package_folders(self) -> dict[str, Path]:
        """Return the package folders: core's (``core``), then the plugins' in load order."""
        return {"core": CORE_FOLDER} | {plugin.name: plugin.folder for plugin in self.plugins}
