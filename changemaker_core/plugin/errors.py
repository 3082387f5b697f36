"""Errors of plugins: one class for each phase of loading, each with its fix."""

from __future__ import annotations

import inspect
import re
import sys
import traceback
from typing import TYPE_CHECKING, Any

from changemaker_core.config.errors import in_order, report
from changemaker_core.plugin.places import author_place
from changemaker_core.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from changemaker_core.config import ConfigProblem


class PluginError(Exception):
    """A problem with a plugin.

    ``problem`` says what is wrong and ``fix`` what to do about it, each in whole sentences.
    ``distribution`` and ``version`` are None for a class that no installed distribution offers.
    ``others`` names the other plugins involved. ``in_configuration`` is the problem as one of the
    configuration, where the operator has written what is wrong.
    """

    in_configuration: ConfigProblem | None = None

    def __init__(
        self,
        plugin: str,
        distribution: str | None,
        version: str | None,
        problem: str,
        fix: str,
        others: tuple[str, ...] = (),
    ) -> None:
        super().__init__(plugin, distribution, version, problem, fix, others)
        self.plugin = plugin
        self.distribution = distribution
        self.version = version
        self.problem = problem
        self.fix = fix
        self.others = others

    def __str__(self) -> str:
        origin = described(self.plugin, self.distribution, self.version)
        return f"{origin}: {self.problem} {self.fix}"


def described(plugin: str, distribution: str | None, version: str | None) -> str:
    """``petitions (changemaker-petitions 0.1.0)``, or the name where nothing is installed."""
    return f"{plugin} ({distribution} {version})" if distribution else plugin


class PluginNotFound(PluginError):
    """The configuration names a plugin that is not installed."""


class PluginDependencyMissing(PluginError):
    """A plugin or distribution that this one requires is absent."""


class PluginDamaged(PluginError):
    """The installed files of a distribution cannot be read."""


class PluginCycle(PluginError):
    """Plugins require each other in a circle."""


class PluginIncompatible(PluginError):
    """The distribution requires another version of core or of another plugin."""


class PluginImportFailed(PluginError):
    """Importing or instantiating the plugin raised."""


class PluginInvalid(PluginError):
    """The plugin breaks a rule for plugins: a name, a hook, a prefix, a result's type."""


class PluginConfigError(PluginError):
    """The plugin's table in the configuration is wrong."""


class PluginConflict(PluginError):
    """Two plugins claim one name, path or table."""


class PluginFailed(PluginError):
    """One of the plugin's hooks raised."""


class PluginTimeout(PluginError):
    """The plugin's lifespan took too long to start or to stop."""


class BootFailed(Exception):
    """Everything that keeps a site from starting. Its text is the whole report.

    ``problems`` are those of plugins, ``configuration`` those of core's own keys. The report has
    every problem of the configuration first, one on each line, in the order of the files.
    """

    def __init__(
        self, problems: Sequence[PluginError], configuration: Sequence[ConfigProblem] = ()
    ) -> None:
        self.problems = tuple(problems)
        self.configuration = tuple(configuration)
        super().__init__(self.problems, self.configuration)

    def __str__(self) -> str:
        written = in_order((*self.configuration, *configuration_problems(self.problems)))
        others = [problem for problem in self.problems if problem.in_configuration is None]
        parts = [report(written)] if written else []
        if others:
            count = len(others)
            head = f"Changemaker cannot start: {count} problem{'' if count == 1 else 's'}."
            parts.append("\n".join([head, *(_paragraph(problem) for problem in others)]))
        return "\n\n".join(parts)


def configuration_problems(problems: Iterable[PluginError]) -> list[ConfigProblem]:
    """Return those of the problems that the operator has written into the configuration."""
    return [each.in_configuration for each in problems if each.in_configuration is not None]


def _paragraph(error: PluginError) -> str:
    origin = described(error.plugin, error.distribution, error.version)
    return f"\n{origin} [{type(error).__name__}]\n  {error.problem}\n  {error.fix}"


def leave_out(plugin: str) -> str:
    """Return how an operator leaves a plugin out, as part of a sentence."""
    return f'leave it out with `deny = ["{plugin}"]` under [plugins] in changemaker.toml'


#: What Python says of a keyword that a function does not take; from 3.13 on with a suggestion.
_UNEXPECTED = re.compile(r"(\w+)(?:\.__init__)?\(\) got an unexpected keyword argument '(\w+)'")


def _meant_keyword(error: BaseException) -> str:
    """Return a suggestion for a misspelt keyword of one of core's public names."""
    match = _UNEXPECTED.fullmatch(str(error)) if isinstance(error, TypeError) else None
    core: Any = sys.modules["changemaker_core"]
    if match is None or match[1] not in core.__all__:
        return ""
    meant = did_you_mean(match[2], inspect.signature(getattr(core, match[1])).parameters)
    return f".{meant}" if meant else ""


def exception_line(error: BaseException, place: str = "") -> str:
    """Return ``ValueError: boom (plugin.py, line 12)``: an exception on one line, with the
    innermost line of an author's code that it passed; ``place`` where it passed none."""
    text = " ".join(str(error).split()) + _meant_keyword(error)
    name = type(error).__name__
    line = f"{name}: {text}" if text else name
    if isinstance(error, SyntaxError):
        return line  # its text has the place
    place = author_place(error.__traceback__) or place
    if not place and (frames := traceback.extract_tb(error.__traceback__)):
        place = f"{frames[-1].filename}, line {frames[-1].lineno}"
    return f"{line} ({place})" if place else line
