"""Loading plugins: from what is installed to the collected contributions of one app.

Each phase continues past broken plugins, so that one report has every problem.
"""

from __future__ import annotations

import importlib
import inspect
import logging
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

from changemaker_core.config import ConfigError
from changemaker_core.plugin import discovery
from changemaker_core.plugin.base import PROJECT
from changemaker_core.plugin.collected import LoadedPlugins
from changemaker_core.plugin.contributions import Contribution, Kind
from changemaker_core.plugin.errors import (
    BootFailed,
    PluginConfigError,
    PluginConflict,
    PluginCycle,
    PluginDependencyMissing,
    PluginError,
    PluginImportFailed,
    PluginInvalid,
    exception_line,
    leave_out,
)
from changemaker_core.plugin.hooks import (
    Hooks,
    implementation_problems,
    misconfigured,
    raised,
)
from changemaker_core.plugin.loaded import LoadedPlugin, Skipped
from changemaker_core.plugin.order import Edges, Order, sort
from changemaker_core.plugin.places import located, place_of
from changemaker_core.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from types import ModuleType

    import msgspec

    from changemaker_core.config import Config
    from changemaker_core.plugin.base import Plugin
    from changemaker_core.plugin.discovery import Candidate
    from changemaker_core.plugin.distributions import Damage

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Core:
    """Core's part in loading: its hooks, the kinds they return, and its own features.

    ``check`` returns what is wrong with contributions of several kinds taken together.
    """

    hookspecs: type
    kinds: Sequence[Kind[Any]]
    features: Sequence[type[Plugin]] = ()
    check: Callable[[LoadedPlugins], Iterable[PluginError]] = lambda _loaded: ()


class Host(Protocol):
    """The part of a site that loading needs: where hooks find the plugins."""

    loaded: LoadedPlugins


@dataclass(frozen=True, slots=True)
class Survey:
    """The plugins of a site and everything that is wrong with them."""

    loaded: LoadedPlugins
    problems: tuple[PluginError, ...]
    order: Order
    damages: tuple[Damage, ...] = ()


def load(
    plugins: Sequence[type[Plugin]] | None,
    config: Config,
    site: Host,
    *,
    core: Core,
    safe_mode: bool = False,
) -> LoadedPlugins:
    """Load plugins, or raise :class:`BootFailed` with every problem.

    ``plugins``: None for those that are installed and allowed by ``config``; a list of classes for
    exactly those. Core's own features come first, and what goes wrong in them is a bug and raised
    as it is. ``safe_mode`` loads nothing else.

    ``site.loaded`` is set before hooks are called, so that they can use ``site.config_of``.
    """
    found = survey(plugins, config, site, core=core, safe_mode=safe_mode)
    if found.problems:
        raise BootFailed(found.problems)
    for damage in found.damages:
        log.warning("%s %s", damage.detail, damage.fix)
    return found.loaded


def survey(
    plugins: Sequence[type[Plugin]] | None,
    config: Config,
    site: Host | None,
    *,
    core: Core,
    safe_mode: bool = False,
) -> Survey:
    """Load plugins like :func:`load`, but return the problems instead of raising.

    Without a ``site`` no hook is called, and nothing is contributed.
    """
    boot = _Boot(config, core)
    boot.find(plugins, core.features, safe_mode)
    boot.build()
    loaded = LoadedPlugins(boot.plugins, boot.skipped, boot.settings, boot.hooks, config)
    if site is not None:
        site.loaded = loaded
    boot.collect(loaded, site)
    boot.problems += core.check(loaded)
    return boot.finish(loaded)


class _Boot:
    """The state of loading: the plugins that are still sound, and the problems found."""

    def __init__(self, config: Config, core: Core) -> None:
        self.config = config
        self.kinds = core.kinds
        self.hooks = Hooks()
        self.hooks.offer(core.hookspecs, "core", core.kinds)
        self.candidates: list[Candidate] = []
        self.plugins: list[LoadedPlugin] = []
        self.skipped: list[Skipped] = []
        self.problems: list[PluginError] = []
        self.settings: dict[type[msgspec.Struct], msgspec.Struct] = {}
        self.order = Order(())
        self.damages: tuple[Damage, ...] = ()

    # -- before import

    def find(
        self,
        plugins: Sequence[type[Plugin]] | None,
        features: Sequence[type[Plugin]],
        safe_mode: bool,
    ) -> None:
        """Find the plugins without importing one."""
        own = discovery.from_classes(features, core=True)
        if safe_mode:
            note = "Safe mode runs core alone."
            self.skipped += [c.skipped("safe_mode", note) for c in discovery.installed()]
            self.candidates = list(own)
            return
        if plugins is None:
            found = discovery.find(self.config, [c.name for c in own])
            self.damages = found.damages
        else:
            found = discovery.from_list(plugins)
        self.problems += found.problems
        self.skipped += found.skipped
        self.candidates = [*own, *(c for c in found.candidates if not self._is_cores(c, own))]

    def _is_cores(self, candidate: Candidate, own: Sequence[Candidate]) -> bool:
        """Return whether a plugin has the name of one of core's features: a conflict."""
        if candidate.name not in {c.name for c in own}:
            return False
        problem = "Core has a feature of this name."
        fix = f"Uninstall it, or {leave_out(candidate.name)}."
        self._drop(candidate, [candidate.error(PluginConflict, problem, fix)])
        return True

    # -- build

    def build(self) -> None:
        """Import, sort, configure and register the plugins that are sound."""
        for candidate in self.candidates:
            self._instantiate(candidate)
        self._sort()
        self._offer_hooks()
        self._each(self._configure)
        self._each(self._register)

    def _instantiate(self, candidate: Candidate) -> None:
        cls = discovery.import_class(candidate, development=self.config.development)
        if not isinstance(cls, PluginError) and (
            wrong := discovery.manifest_problem(candidate, cls)
        ):
            wrong.problem = located(wrong.problem, place_of(cls))
            cls = wrong
        if isinstance(cls, PluginError):
            return self._drop(candidate, [cls])
        try:
            instance = cls()
        except Exception as error:
            if candidate.core:
                raise
            problem = f"{cls.__name__}() raised {exception_line(error, place_of(cls))}."
            fix = f"Let it be called without arguments; meanwhile {leave_out(candidate.name)}."
            return self._drop(candidate, [candidate.error(PluginImportFailed, problem, fix)])
        self.plugins.append(_loaded(candidate, instance, self.config.development))
        return None

    def _drop(self, plugin: Candidate | LoadedPlugin, problems: Sequence[PluginError]) -> None:
        """Record the problems of a plugin and leave it out."""
        self.problems += problems
        reason = " ".join(problem.problem for problem in problems)
        self._skip(plugin, plugin.skipped("failed", reason))

    def _skip(self, plugin: Candidate | LoadedPlugin, note: Skipped) -> None:
        self.skipped.append(note)
        self.plugins = [other for other in self.plugins if other is not plugin]

    def _sort(self) -> None:
        for plugin in list(self.plugins):
            self._require(plugin)
        features = sort(_edges(p for p in self.plugins if p.core))
        others = sort(_edges(p for p in self.plugins if not p.core))
        self.order = Order(
            features.names + others.names,
            features.ignored + others.ignored,
            features.cycles + others.cycles,
        )
        for chain in self.order.cycles:
            self._drop_cycle(chain)
        self.plugins.sort(key=lambda plugin: self.order.names.index(plugin.name))
        self._block()

    def _require(self, plugin: LoadedPlugin) -> None:
        """Leave out a plugin whose requirement is missing."""
        known = {p.name for p in self.plugins}
        notes = {note.name: note for note in self.skipped}
        missing = [
            _missing(plugin, name, notes.get(name))
            for name in plugin.instance.requires
            if name not in known and (name not in notes or notes[name].status not in _BROKEN)
        ]
        if missing:
            self._drop(plugin, missing)

    def _drop_cycle(self, chain: tuple[str, ...]) -> None:
        members = {p.name: p for p in self.plugins if p.name in chain}
        first, *rest = (members[name] for name in chain[:-1])
        problem = f"Plugins require each other in a circle: {' → '.join(chain)}."
        also = ", ".join(map(str, rest))
        fix = f"The author of one of them can change `requires` to `after`. ({also})"
        self._drop(first, [first.error(PluginCycle, problem, fix, tuple(p.name for p in rest))])
        for plugin in rest:
            self._skip(plugin, plugin.skipped("failed", problem))

    def _block(self) -> None:
        """Leave out plugins that require a broken one; its own report is enough."""
        for plugin in list(self.plugins):
            broken = {note.name for note in self.skipped if note.status in _BROKEN}
            if cause := sorted(broken.intersection(plugin.instance.requires)):
                reason = f"It requires {', '.join(cause)}, which cannot be loaded."
                self._skip(plugin, plugin.skipped("blocked", reason))

    def _offer_hooks(self) -> None:
        for plugin in list(self.plugins):
            if problems := _offer(plugin, self.hooks):
                self._drop(plugin, problems)
        self._block()

    def _each(self, step: Callable[[LoadedPlugin], list[PluginError]]) -> None:
        """Run one step for every plugin, in order; leave out those that fail."""
        for plugin in list(self.plugins):
            if problems := step(plugin):
                self._drop(plugin, problems)
        self._block()

    def _configure(self, plugin: LoadedPlugin) -> list[PluginError]:
        struct = plugin.instance.config
        if struct is None:
            return _unused_table(plugin, self.config)
        if struct in self.settings:
            problem = f"Another plugin has the same configuration class, {struct.__name__}."
            return [plugin.error(PluginInvalid, problem, "Give each plugin a Struct of its own.")]
        try:
            self.settings[struct] = self.config.plugin_config(plugin.name, struct)
        except ConfigError as error:
            return misconfigured(plugin, error)
        return []

    def _register(self, plugin: LoadedPlugin) -> list[PluginError]:
        present = {other.name for other in self.plugins}
        absent = [name for name in plugin.instance.after if name not in present]
        problems = implementation_problems(plugin, self.hooks.specs(), absent)
        problems += self.hooks.declare(plugin)
        if not problems:
            self.hooks.register(plugin)
        return problems

    # -- collect

    def collect(self, loaded: LoadedPlugins, site: Host | None) -> None:
        """Call core's hooks and report wrong contributions."""
        for kind in self.kinds:
            found: list[Contribution[Any]] = []
            if site is not None:
                brought, problems = self._brought(loaded, site, kind)
                found, wrong = self.hooks.collect(self.plugins, kind.hook, {"site": site}, brought)
                problems += wrong
                self.problems += problems
                if problems:
                    loaded.incomplete.add(kind.name)
            loaded.freeze(kind, found)
        if site is not None:
            self._collect_offered(loaded, site)

    def _brought(
        self, loaded: LoadedPlugins, site: Host, kind: Kind[Any]
    ) -> tuple[list[Contribution[Any]], list[PluginError]]:
        """Return what items of offered hooks bring of one of core's kinds, and what is wrong.

        Such a hook is called before the first of core's hooks to which its items bring something.
        """
        found: list[Contribution[Any]] = []
        problems: list[PluginError] = []
        for name, spec in self.hooks.specs().items():
            if spec.kind is None or kind.item not in spec.kind.brings:
                continue
            bring = spec.kind.brings[kind.item]
            wrong = loaded.collect_offered(name, site)
            if wrong:
                loaded.incomplete.add(spec.kind.name)
                problems += wrong
            if spec.kind.name in loaded.incomplete:
                loaded.incomplete.add(kind.name)
                continue
            for each in loaded.offered(name):
                found += [Contribution(i, each.plugin, each.made_by) for i in bring(each.item)]
        return found, problems

    def _collect_offered(self, loaded: LoadedPlugins, site: Host) -> None:
        """Call the hooks that features and plugins offer, so that a wrong value is known now.

        Only those that take the site and return a list; the owner of any other knows when.
        """
        own = {kind.hook for kind in self.kinds}
        for name, spec in self.hooks.specs().items():
            if name not in own and spec.arguments == ("site",) and spec.item is not None:
                self.problems += loaded.collect_offered(name, site)

    def finish(self, loaded: LoadedPlugins) -> Survey:
        """Return the loaded plugins, and each problem once."""
        # NOTE(twice): a hook that two features call reports the same problem to both.
        distinct = {(p.plugin, type(p).__name__, p.problem): p for p in self.problems}
        problems = tuple(distinct[key] for key in sorted(distinct))
        return Survey(loaded, problems, self.order, self.damages)


#: A plugin with one of these stands in the report, or one that it requires does.
_BROKEN = frozenset({"failed", "blocked"})


def _loaded(candidate: Candidate, instance: Plugin, development: bool) -> LoadedPlugin:
    name, version, distribution = candidate.name, candidate.version, candidate.distribution
    folder, core = _folder(instance), candidate.core
    return LoadedPlugin(name, version, distribution, instance, folder, core, development)


def _folder(instance: Plugin) -> Path:
    """Return the folder of the plugin's package.

    A module outside of any package has none: a folder that does not exist stands for it.
    """
    module = type(instance).__module__
    file = Path(inspect.getfile(type(instance)))
    return file.parent if "." in module else file.with_suffix("")


def _edges(plugins: Iterable[LoadedPlugin]) -> dict[str, Edges]:
    return {p.name: Edges(p.instance.requires, p.instance.after) for p in plugins}


def _missing(plugin: LoadedPlugin, name: str, note: Skipped | None) -> PluginError:
    if note is None:
        problem = f"It requires the plugin {name!r}, which is not installed."
        fix = f"Install it (`pip install changemaker-{name}`), or {leave_out(plugin.name)}."
    else:
        problem = f"It requires the plugin {name!r}, which is left out: {note.reason}"
        fix = f"Allow {name!r}, or {leave_out(plugin.name)}."
    return plugin.error(PluginDependencyMissing, problem, fix, (name,))


def _unused_table(plugin: LoadedPlugin, config: Config) -> list[PluginError]:
    if not config.plugin_tables.get(plugin.name):
        return []
    problem = f"The configuration has a table [{plugin.name}], but this plugin takes none."
    error = plugin.error(PluginConfigError, problem, "Remove the table.")
    detail = "is a table for a plugin that takes none. Remove the table."
    error.in_configuration = config.problem((plugin.name,), detail)
    return [error]


def _offer(plugin: LoadedPlugin, hooks: Hooks) -> list[PluginError]:
    """Add the hooks that a plugin offers in ``hookspecs.py`` beside its class."""
    if not (plugin.folder / "hookspecs.py").is_file():
        return []
    package = type(plugin.instance).__module__.rpartition(".")[0]
    try:
        module = importlib.import_module(f"{package}.hookspecs")
    except (Exception, SystemExit) as error:
        if plugin.core:
            raise
        return [raised(plugin, "Importing its hookspecs.py", error)]
    offered = _offered(module)
    kinds = [k for k in vars(module).values() if isinstance(k, Kind) and _owns(plugin, k.hook)]
    problems = [_foreign_hook(plugin, n) for n in offered if not _owns(plugin, n)]
    problems += [_stray_kind(plugin, k.hook, offered) for k in kinds if k.hook not in offered]
    for namespace in () if problems else _namespaces(module):
        hooks.offer(namespace, plugin.name, kinds)
    return problems


def _owns(plugin: LoadedPlugin, hook: str) -> bool:
    return hook.startswith(f"{plugin.name}_")


def _foreign_hook(plugin: LoadedPlugin, hook: str) -> PluginError:
    problem = f"It offers a hook {hook!r}, which does not begin with its name."
    return plugin.error(PluginInvalid, problem, f"Call it {plugin.name}_….")


def _stray_kind(plugin: LoadedPlugin, hook: str, offered: list[str]) -> PluginError:
    problem = f"Its hookspecs.py has a Kind for {hook!r}, and no such hook."
    fix = f"Name the hook as it is defined.{did_you_mean(hook, offered)}"
    return plugin.error(PluginInvalid, problem, fix)


def _namespaces(module: ModuleType) -> list[ModuleType | type]:
    """Return the module and its classes, as far as they have hookspecs."""
    own = [c for c in vars(module).values() if isinstance(c, type)]
    spaces: list[ModuleType | type] = [module]
    spaces += [c for c in own if c.__module__ == module.__name__]
    return [space for space in spaces if _hookspecs_in(space)]


def _offered(module: ModuleType) -> list[str]:
    return [name for space in _namespaces(module) for name in _hookspecs_in(space)]


def _hookspecs_in(space: object) -> list[str]:
    return [n for n, f in vars(space).items() if hasattr(f, f"{PROJECT}_spec")]
