"""Discovery: the installed plugins and whether their versions fit, before any is imported."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING

import msgspec
from packaging.markers import UndefinedEnvironmentName
from packaging.requirements import InvalidRequirement, Requirement
from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion

from changemaker_core.plugin import distributions
from changemaker_core.plugin.base import Plugin
from changemaker_core.plugin.distributions import Damage
from changemaker_core.plugin.errors import (
    PluginConflict,
    PluginDamaged,
    PluginDependencyMissing,
    PluginError,
    PluginImportFailed,
    PluginIncompatible,
    PluginInvalid,
    PluginNotFound,
    exception_line,
    leave_out,
)
from changemaker_core.plugin.loaded import Origin, Skipped, is_installed
from changemaker_core.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence
    from importlib import metadata

    from changemaker_core.config import Config

GROUP = "changemaker.plugins"
CORE = "changemaker-core"
NAME = re.compile(r"[a-z][a-z0-9]*")
#: Words that core uses where plugins use their names.
RESERVED = frozenset({"changemaker", "cm", "core", "plugins", "site"})


@dataclass(frozen=True, slots=True)
class Candidate(Origin):
    """A plugin that can be loaded: an entry point, or a class that was passed in."""

    requirements: tuple[str, ...] = ()
    entry_point: metadata.EntryPoint | None = None
    plugin_class: type[Plugin] | None = None
    core: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """The result of discovery: plugins to load, plugins left out, and problems."""

    candidates: tuple[Candidate, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    problems: tuple[PluginError, ...] = ()
    damages: tuple[Damage, ...] = ()


@cache
def core_version() -> str | None:
    """Return the version of core; None when it is imported from a folder and not installed."""
    return distributions.version_of(CORE)


def installed() -> tuple[Candidate, ...]:
    """Return every plugin of the installed distributions, sorted."""
    return _installed()[0]


def _installed() -> tuple[tuple[Candidate, ...], list[Damage]]:
    points, damages = distributions.read(GROUP)
    candidates = (
        Candidate(p.name, p.version, p.distribution, p.requirements, entry_point=p.entry_point)
        for p in points
    )
    return tuple(candidates), damages


def find(config: Config, features: Iterable[str]) -> Found:
    """Return the installed plugins that the configuration allows and whose versions fit."""
    everything, damages = _installed()
    refused = _misspelt(config, everything, frozenset(features), damages)
    skipped = [note for c in everything if (note := _left_out(c, config))]
    left_out = {note.name for note in skipped}
    wanted = [c for c in everything if c.name not in left_out]
    providers: set[str] = {canonicalize_name(c.distribution) for c in everything if c.distribution}
    problems = [*refused, *_same_names(wanted), *_damaged(config, damages)]
    problems += [p for c in wanted for p in _versions(c, providers, damages)]
    failed = {problem.plugin for problem in problems}
    skipped += [c.skipped("failed", _reason(c, problems)) for c in wanted if c.name in failed]
    skipped += _hidden(config, damages)
    sound = tuple(c for c in wanted if c.name not in failed)
    return Found(sound, tuple(skipped), tuple(problems), tuple(damages))


def _damaged(config: Config, damages: Iterable[Damage]) -> Iterator[PluginError]:
    """Yield the distributions whose plugin is missing although the operator has named it.

    The others are left out with a warning: an upgrade that was interrupted stops no site.
    """
    for damage in damages:
        if damage.hides and damage.plugin in (config.plugins_allow or ()):
            fix = f"{damage.fix} Or {leave_out(damage.plugin)}."
            yield PluginDamaged(damage.plugin, damage.distribution, "?", damage.detail, fix)


def _hidden(config: Config, damages: Iterable[Damage]) -> Iterator[Skipped]:
    """Yield the plugins that are missing because their distribution is damaged."""
    for damage in damages:
        if damage.hides and config.loads(damage.plugin):
            yield Skipped(damage.plugin, None, damage.distribution, "failed", damage.detail)


def _reason(candidate: Candidate, problems: Iterable[PluginError]) -> str:
    return " ".join(p.problem for p in problems if p.plugin == candidate.name)


def _left_out(candidate: Candidate, config: Config) -> Skipped | None:
    if candidate.name in config.plugins_deny:
        return candidate.skipped("denied", "The configuration denies it (plugins.deny).")
    if config.plugins_allow is not None and candidate.name not in config.plugins_allow:
        return candidate.skipped("not_allowed", "plugins.allow does not name it.")
    return None


def _misspelt(
    config: Config,
    everything: Sequence[Candidate],
    features: frozenset[str],
    damages: Sequence[Damage],
) -> list[PluginError]:
    """Return problems with names in the configuration that belong to no plugin."""
    names = {candidate.name for candidate in everything} | features
    # Of a damaged plugin the damage is reported, and nothing that follows from it.
    names |= {damage.plugin for damage in damages}
    problems = [
        _absent(n, ("plugins", "allow"), config, names) for n in _new(config.plugins_allow, names)
    ]
    for name in sorted(set(config.plugins_deny)):
        if name in features:
            fix = "Take it off the list; what it offers cannot be left out."
            problem = "plugins.deny names it, and it is a part of core."
            part = PluginNotFound(name, CORE, core_version(), problem, fix)
            detail = f"names {name!r}, which is a part of core. {fix}"
            part.in_configuration = config.problem(("plugins", "deny"), detail)
            problems.append(part)
        elif name not in names and did_you_mean(name, names):
            # NOTE(uninstalled): an absent plugin may stay denied, but a slip of the pen would
            # let in the plugin that was meant.
            problems.append(_absent(name, ("plugins", "deny"), config, names))
    tables = _new(config.plugin_tables, names)
    return problems + [_absent(name, (name,), config, names) for name in tables]


def _new(names: Iterable[str] | None, known: set[str]) -> list[str]:
    return sorted(set(names or ()) - known)


def _absent(name: str, key: tuple[str, ...], config: Config, names: Iterable[str]) -> PluginError:
    """Return the error for a ``name`` at ``key`` that no installed plugin has."""
    nobody = f"but no plugin of that name is installed.{did_you_mean(name, names)}"
    fix = "Correct the name, install the plugin, or remove the name from the configuration."
    is_table = key == (name,)
    detail = (
        f"is a table of its own, {nobody} {fix}" if is_table else f"names {name!r}, {nobody} {fix}"
    )
    written = config.problem(key, detail)
    who = f"The configuration ({written.where})" if is_table else ".".join(key)
    error = PluginNotFound(name, None, None, f"{who} names it, {nobody}", fix)
    error.in_configuration = written
    return error


def _same_names(candidates: Sequence[Candidate]) -> list[PluginError]:
    problems = []
    for name in sorted({c.name for c in candidates}):
        same = [c for c in candidates if c.name == name]
        if len(same) > 1:
            others = ", ".join(f"{c.distribution} {c.version}" for c in same[:-1])
            problem = f"Another distribution offers a plugin of this name: {others}."
            fix = "Uninstall all but one of them, or leave the name out with plugins.deny."
            problems.append(same[-1].error(PluginConflict, problem, fix, (name,)))
    return problems


def _versions(
    candidate: Candidate, providers: set[str], damages: list[Damage]
) -> list[PluginError]:
    """Compare the distribution's requirements of core and plugins with what is installed.

    What cannot be compared, since it is no requirement or no version, is added to ``damages``.
    """
    problems = []
    for text in candidate.requirements:
        try:
            requirement = Requirement(text)
            name = canonicalize_name(requirement.name)
            if not (name.startswith("changemaker-") or name in providers):
                continue
            if requirement.marker and not requirement.marker.evaluate({"extra": ""}):
                continue
            problems += _fits(candidate, requirement)
        except (InvalidRequirement, InvalidVersion, UndefinedEnvironmentName) as error:
            reason = " ".join(str(error).splitlines()[:1])
            detail = f"{candidate}: its requirement {text!r} cannot be checked: {reason}"
            fix = f"`pip install --force-reinstall {candidate.distribution}`"
            damages.append(Damage(str(candidate.distribution), detail, f"{fix}, or update it."))
    return problems


def _fits(candidate: Candidate, requirement: Requirement) -> list[PluginError]:
    asked = f"{requirement.name}{requirement.specifier}"
    version = distributions.version_of(requirement.name)
    if version is None:
        problem = f"It needs the distribution {asked}, which is not installed."
        fix = f"`pip install '{asked}'`, or {leave_out(candidate.name)}."
        return [candidate.error(PluginDependencyMissing, problem, fix)]
    if requirement.specifier.contains(version, prereleases=True):
        return []
    problem = f"It needs {asked}, but {requirement.name} {version} is installed."
    fix = (
        f"`pip install --upgrade {candidate.distribution} {requirement.name}` installs compatible "
        f"versions, if there are any; or {leave_out(candidate.name)}."
    )
    return [candidate.error(PluginIncompatible, problem, fix)]


def from_classes(classes: Sequence[type[Plugin]], *, core: bool = False) -> tuple[Candidate, ...]:
    """Return candidates for classes that were passed in, with each one's distribution."""
    if core:
        return tuple(Candidate(c.name, core_version(), CORE, (), None, c, True) for c in classes)
    offered = {c.entry_point.value: c for c in installed() if c.entry_point}
    return tuple(_of_class(c, offered.get(f"{c.__module__}:{c.__qualname__}")) for c in classes)


def _of_class(plugin_class: type[Plugin], offered: Candidate | None) -> Candidate:
    name = str(getattr(plugin_class, "name", plugin_class.__name__))
    if offered is None:
        return Candidate(name, None, None, plugin_class=plugin_class)
    return Candidate(name, offered.version, offered.distribution, plugin_class=plugin_class)


def from_list(classes: Sequence[type[Plugin]]) -> Found:
    """Return the plugins of a list of classes, whatever is installed."""
    candidates = from_classes(classes)
    problems = _same_names(candidates)
    failed = {problem.plugin for problem in problems}
    skipped = tuple(
        c.skipped("failed", _reason(c, problems)) for c in candidates if c.name in failed
    )
    return Found(tuple(c for c in candidates if c.name not in failed), skipped, tuple(problems))


def import_class(candidate: Candidate, *, development: bool) -> type[Plugin] | PluginError:
    """Return the plugin's class, or the problem with it."""
    if candidate.plugin_class is not None:
        return candidate.plugin_class
    assert candidate.entry_point is not None  # noqa: S101  # it has one or the other
    try:
        found = candidate.entry_point.load()
    except (Exception, SystemExit) as error:
        by_author = development or not is_installed(candidate.distribution)
        return _import_failed(candidate, error, by_author)
    if isinstance(found, type) and issubclass(found, Plugin):
        return found
    problem = f"Its entry point {candidate.entry_point.value} is not a subclass of Plugin."
    fix = "Write the class into the entry point: name = 'package.plugin:NamePlugin'."
    return candidate.error(PluginInvalid, problem, fix)


def _import_failed(candidate: Candidate, error: BaseException, by_author: bool) -> PluginError:
    problem = f"It cannot be imported: {exception_line(error)}."
    again = f"`pip install --upgrade --force-reinstall {candidate.distribution}`"
    if by_author:
        again = "Correct it"
    if isinstance(error, ModuleNotFoundError) and error.name:
        instead = "correct the import" if by_author else again
        again = f"Install the package of the module {error.name!r} (try `pip check`), or {instead}"
    failed = candidate.error(
        PluginImportFailed, problem, f"{again}, or {leave_out(candidate.name)}."
    )
    failed.__cause__ = error
    return failed


def manifest_problem(candidate: Candidate, plugin_class: type[Plugin]) -> PluginError | None:
    """Return the problem with the class's attributes; None if they are sound."""
    name = getattr(plugin_class, "name", None)
    if not isinstance(name, str) or not (candidate.core or NAME.fullmatch(name)):
        problem = f"Its name is {name!r}; use a-z and 0-9, with a letter first."
        return candidate.error(PluginInvalid, problem, "Change the name in the class.")
    if name in RESERVED:
        problem = f"The name {name!r} is core's own."
        return candidate.error(PluginInvalid, problem, "Give the plugin another name.")
    if name != candidate.name:
        problem = f"The entry point calls it {candidate.name!r}, the class {name!r}."
        return candidate.error(PluginInvalid, problem, "Use the same name in both.")
    if not _is_config(plugin_class.config):
        problem = "`config` is not a msgspec Struct class."
        return candidate.error(
            PluginInvalid, problem, "Give it the class, without instantiating it."
        )
    if not isinstance(plugin_class.contributes, tuple | list):
        problem = "`contributes` is neither a tuple nor a list."
        fix = 'Write contributes = (Route("/hello", Hello()),), with the comma.'
        return candidate.error(PluginInvalid, problem, fix)
    return _relations_problem(candidate, plugin_class)


def _is_config(value: object) -> bool:
    return value is None or (isinstance(value, type) and issubclass(value, msgspec.Struct))


def _relations_problem(candidate: Candidate, plugin_class: type[Plugin]) -> PluginError | None:
    for word in ("requires", "after"):
        names = getattr(plugin_class, word)
        if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
            problem = f"`{word}` is not a tuple of names."
            fix = f'Write {word} = ("map",), with the comma.'
            return candidate.error(PluginInvalid, problem, fix)
        if candidate.name in names:
            problem = f"`{word}` names the plugin itself."
            return candidate.error(PluginInvalid, problem, "Remove its own name.")
    return None
