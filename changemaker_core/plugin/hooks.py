"""Hooks: their specifications, the check of implementations, and calling them.

pluggy keeps hookspecs and implementations. Its own way of calling is not used: it goes by order of
registration, and one exception loses the other results and the name of the plugin.
"""

from __future__ import annotations

import inspect
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pluggy

from changemaker_core.config import ConfigError
from changemaker_core.plugin.base import PROJECT
from changemaker_core.plugin.contributions import Contribution, Kind, problems_of
from changemaker_core.plugin.errors import (
    BootFailed,
    PluginConfigError,
    PluginFailed,
    PluginInvalid,
    exception_line,
    leave_out,
)
from changemaker_core.plugin.places import located, place_of
from changemaker_core.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from types import ModuleType

    from changemaker_core.plugin.base import Plugin
    from changemaker_core.plugin.errors import PluginError
    from changemaker_core.plugin.loaded import LoadedPlugin

_LIST = re.compile(r"list\[(?P<item>.+)\]")


@dataclass(frozen=True, slots=True)
class Spec:
    """A hook that core or a plugin offers."""

    name: str
    arguments: tuple[str, ...]
    function: Callable[..., Any]
    kind: Kind[Any] | None = None

    @property
    def signature(self) -> str:
        """``cm_register_routes(site)``."""
        return f"{self.name}({', '.join(self.arguments)})"

    @property
    def item(self) -> str | None:
        """The name of the items' type; None for a hook that does not return a list."""
        returns = str(self.function.__annotations__.get("return", ""))
        match = _LIST.fullmatch(returns)
        return match["item"] if match else None

    def item_class(self) -> type | None:
        """Return the class of the items; None where neither a kind nor the hook's module has it."""
        if self.kind is not None:
            return self.kind.item
        found = vars(sys.modules[self.function.__module__]).get(self.item or "")
        is_class = isinstance(found, type) and not getattr(found, "_is_protocol", False)
        return found if is_class else None

    def takes(self, item: object) -> bool:
        """Return whether the hook returns a list of things such as ``item``."""
        wanted = self.item_class()
        return wanted is not None and isinstance(item, wanted)


class Hooks:
    """The hooks of one app: core's, and those of its plugins."""

    def __init__(self) -> None:
        self._manager = pluggy.PluginManager(PROJECT)
        self._owners: dict[str, str] = {}
        self._kinds: dict[str, Kind[Any]] = {}
        #: What plugins contribute by their manifest, by plugin and hook.
        self._declared: dict[tuple[str, str], list[Contribution[Any]]] = {}

    def offer(
        self, namespace: ModuleType | type, owner: str, kinds: Iterable[Kind[Any]] = ()
    ) -> None:
        """Add the hookspecs of a class or module, and the kinds that they return."""
        before = set(self.specs())
        self._kinds |= {kind.hook: kind for kind in kinds}
        self._manager.add_hookspecs(namespace)
        self._owners |= {name: owner for name in self.specs() if name not in before}

    def specs(self) -> dict[str, Spec]:
        """Return every hook by name."""
        callers = vars(self._manager.hook).items()
        return {
            name: Spec(
                name, tuple(caller.spec.argnames), caller.spec.function, self._kinds.get(name)
            )
            for name, caller in callers
            if isinstance(caller, pluggy.HookCaller) and caller.spec
        }

    def owner(self, hook: str) -> str:
        """Return the plugin that offers a hook, or ``core``."""
        return self._owners[hook]

    def register(self, plugin: LoadedPlugin) -> None:
        """Register a plugin whose implementations were checked."""
        self._manager.register(plugin.instance, plugin.name)

    def declare(self, plugin: LoadedPlugin) -> list[PluginError]:
        """Give what the plugin's ``contributes`` has to the hooks that return its class.

        Returns what no hook takes, or several do.
        """
        manifest = type(plugin.instance)
        specs = [spec for spec in self.specs().values() if spec.arguments == ("site",)]
        problems = []
        for item in manifest.contributes:
            takers = [spec.name for spec in specs if spec.takes(item)]
            if len(takers) == 1:
                declared = self._declared.setdefault((plugin.name, takers[0]), [])
                declared.append(Contribution(item, plugin, manifest))
            else:
                problem, fix = _untaken(item, takers)
                problem = located(problem, place_of(manifest))
                problems.append(plugin.error(PluginInvalid, problem, fix))
        return problems

    def implemented_by(self, plugin: LoadedPlugin) -> list[str]:
        """Return the hooks that a plugin implements, or contributes to by its manifest; sorted."""
        declared = {hook for name, hook in self._declared if name == plugin.name}
        return sorted({n for n in self.specs() if self._implementation(plugin, n)} | declared)

    def _implementation(self, plugin: LoadedPlugin, hook: str) -> pluggy.HookImpl | None:
        caller: pluggy.HookCaller = getattr(self._manager.hook, hook)
        named = (impl for impl in caller.get_hookimpls() if impl.plugin_name == plugin.name)
        return next(named, None)

    def call(self, plugin: LoadedPlugin, hook: str, arguments: Mapping[str, Any]) -> Any:
        """Return what the plugin's implementation returns; None where it has none.

        Raises what the implementation raises.
        """
        implementation = self._implementation(plugin, hook)
        if implementation is None:
            return None
        # NOTE(argnames): pluggy's list of arguments leaves out keyword-only ones.
        taken = inspect.signature(implementation.function).parameters
        return implementation.function(**{n: arguments[n] for n in taken if n in arguments})

    def implements(self, plugin: LoadedPlugin, hook: str) -> bool:
        """Return whether the plugin implements the hook."""
        return self._implementation(plugin, hook) is not None

    def collect(
        self,
        plugins: Sequence[LoadedPlugin],
        hook: str,
        arguments: Mapping[str, Any],
        brought: Sequence[Contribution[Any]] = (),
    ) -> tuple[list[Contribution[Any]], list[PluginError]]:
        """Return what every plugin contributes, in their order, and what is wrong with it.

        ``brought`` is what items of other hooks bring: each stands after its plugin's own.
        """
        spec = self.specs().get(hook)
        if spec is None:
            raise LookupError(f"No hook is called {hook!r}.{did_you_mean(hook, self.specs())}")
        found: list[Contribution[Any]] = []
        problems: list[PluginError] = []
        for plugin in plugins:
            found += self._declared.get((plugin.name, hook), ())
            if self.implements(plugin, hook):
                items, wrong = self._results(plugin, spec, arguments)
                found += items
                problems += wrong
            found += [each for each in brought if each.plugin is plugin]
        return found, problems + (problems_of(spec.kind, found) if spec.kind else [])

    def _results(
        self, plugin: LoadedPlugin, spec: Spec, arguments: Mapping[str, Any]
    ) -> tuple[list[Contribution[Any]], list[PluginError]]:
        try:
            result = self.call(plugin, spec.name, arguments)
        except BootFailed as error:  # of a hook that this one called: attributed already
            return [], list(error.problems)
        except ConfigError as error:
            return [], misconfigured(plugin, error)
        except (Exception, SystemExit) as error:
            if plugin.core:
                raise
            return [], [raised(plugin, spec.name, error)]
        if spec.item is None:
            return ([] if result is None else [Contribution(result, plugin)]), []
        implementation = self._implementation(plugin, spec.name)
        function = implementation.function if implementation else None
        if wrong := _wrong_result(spec, result):
            problem, fix = wrong
            return [], [plugin.error(PluginInvalid, located(problem, place_of(function)), fix)]
        return [Contribution(item, plugin, function) for item in result], []


def misconfigured(plugin: LoadedPlugin, error: ConfigError) -> list[PluginError]:
    """Return the errors of a plugin whose configuration is invalid."""
    fix = "Correct it in the configuration."
    found = []
    for problem in error.problems:
        each = plugin.error(PluginConfigError, str(problem), fix)
        each.in_configuration = problem
        found.append(each)
    return found


def raised(plugin: LoadedPlugin, doing: str, error: BaseException) -> PluginError:
    """Return the error of a plugin whose hook raised an exception."""
    problem = f"{doing} raised {exception_line(error)}."
    fix = f"Report it to the plugin's author; meanwhile {leave_out(plugin.name)}."
    if plugin.is_developed_here:
        fix = f"Correct it; meanwhile {leave_out(plugin.name)}."
    failed = plugin.error(PluginFailed, problem, fix)
    failed.__cause__ = error
    return failed


def _wrong_result(spec: Spec, result: object) -> tuple[str, str] | None:
    """Return the problem and fix of what an implementation returned."""
    expected = f"list[{spec.item}]"
    if not isinstance(result, list):
        problem = f"{spec.name} returned {_described_value(result)} instead of a {expected}."
        return problem, "Return a list; an empty one if there is nothing to contribute."
    expected_class = spec.item_class() or object
    wrong = [item for item in result if not isinstance(item, expected_class)]
    if not wrong:
        return None
    found = _described_value(wrong[0])
    problem = f"{spec.name} returned a list with {found} in it instead of {spec.item}."
    return problem, f"Return a {expected}."


def _untaken(item: object, takers: list[str]) -> tuple[str, str]:
    """Return the problem and fix of an item of ``contributes`` that no hook takes, or several."""
    problem = f"`contributes` has {_described_value(item)} in it, which "
    if takers:
        return f"{problem}{' and '.join(takers)} take.", "Return it from one of these hooks."
    return f"{problem}no hook takes.", "Leave what hooks return lists of, such as Route and Job."


def _described_value(value: object) -> str:
    if value is None:
        return "nothing"
    if isinstance(value, type):
        return f"the class {value.__name__}"
    return f"a {type(value).__name__}"


def implementation_problems(
    plugin: LoadedPlugin, specs: Mapping[str, Spec], absent: Iterable[str]
) -> list[PluginError]:
    """Return what is wrong with the plugin's methods: names, markers, arguments.

    ``absent``: the plugins in ``after`` that are not there, whose hooks are unknown.
    """
    prefixes = tuple(f"{name}_" for name in absent)
    problems = []
    for name, method, options in _methods(type(plugin.instance)):
        if options is None:
            found = _unmarked(name, specs)
        else:
            hook = options.get("specname") or name
            found = (
                None if _excused(hook, specs, prefixes) else _misfit(hook, method, options, specs)
            )
        if found:
            problem, fix = found
            problems.append(plugin.error(PluginInvalid, located(problem, place_of(method)), fix))
    return problems


def _methods(cls: type[Plugin]) -> Iterator[tuple[str, Any, dict[str, Any] | None]]:
    """Yield each method with the options of its ``@hookimpl``; None without the marker."""
    for name in dir(cls):
        method = getattr(cls, name)
        if not name.startswith("__") and inspect.isroutine(method):
            yield name, method, getattr(method, f"{PROJECT}_impl", None)


def _excused(hook: str, specs: Mapping[str, Spec], prefixes: tuple[str, ...]) -> bool:
    return hook not in specs and hook.startswith(prefixes)


def _unmarked(name: str, specs: Mapping[str, Spec]) -> tuple[str, str] | None:
    if not (name.startswith("cm_") or name in specs):
        return None
    problem = f"The method {name} has no @hookimpl, so it would never be called."
    if name in specs:
        return problem, "Mark it with @hookimpl, also where it overrides a method that is marked."
    wanted = did_you_mean(name, specs)
    return (
        f"{problem} No hook has this name either.{wanted}",
        "Correct the name and add @hookimpl, or choose a name without cm_.",
    )


def _misfit(
    hook: str, method: Any, options: Mapping[str, Any], specs: Mapping[str, Spec]
) -> tuple[str, str] | None:
    """Return the problem and fix of a marked method that fits no hook."""
    spec = specs.get(hook)
    if spec is None:
        known = did_you_mean(hook, specs)
        fix = "Correct the name; if it is a hook of another plugin, name that one in `after`."
        return f"No hook is called {hook!r}.{known}", fix
    if options.get("wrapper") or options.get("hookwrapper"):
        return f"{hook} is a wrapper, which is not supported.", "Remove `wrapper=True`."
    if inspect.iscoroutinefunction(method):
        return f"{hook} is `async`; hooks are plain methods, called at boot.", "Remove `async`."
    if unknown := _unknown_arguments(method, spec):
        names = ", ".join(map(repr, unknown))
        problem = f"{hook} has the arguments {names}, which the hook does not pass."
        return problem, f"Its signature is {spec.signature}; arguments may be left out."
    return None


def _unknown_arguments(method: Any, spec: Spec) -> list[str]:
    """Return parameters without a default that the hook does not pass, except ``self``."""
    parameters = list(inspect.signature(method).parameters.values())
    if not inspect.ismethod(method):
        parameters = [p for p in parameters if p.name != "self"]
    named = (p for p in parameters if p.kind not in (p.VAR_POSITIONAL, p.VAR_KEYWORD))
    return [p.name for p in named if p.default is p.empty and p.name not in spec.arguments]
