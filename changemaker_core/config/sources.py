"""Where configuration is written: ``changemaker.toml``, ``.env`` and the environment.

Each is read into the same shape, a mapping from a key's path to an entry that remembers where it
was written. ``("base_url",)`` is core's, ``("petitions", "open_days")`` a plugin's.
"""

from __future__ import annotations

import re
import tomllib
from typing import TYPE_CHECKING, Any

import msgspec

from changemaker_core.config.errors import ConfigProblem

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

PREFIX = "CHANGEMAKER_"
TOML = "changemaker.toml"
DOTENV = ".env"

#: Variables of the command line, not of the configuration.
_NOT_KEYS = frozenset({"CHANGEMAKER_SITE"})
# NOTE(kubernetes): a service called "changemaker" adds such variables to every pod.
_FOREIGN = re.compile(r"CHANGEMAKER_(SERVICE_(HOST|PORT)|PORT)(_|$)")

_HEADER = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=\s*(.*)")

_AT_LINE = re.compile(r"at line (\d+)")
#: Wrong lines of a file after which the rest is not looked at.
MAX_SYNTAX_ERRORS = 20

KeyPath = tuple[str, ...]


class Entry(msgspec.Struct, frozen=True):
    """A value and where it was set. ``textual`` values come from the environment or ``.env``."""

    value: Any
    where: str
    textual: bool

    def __repr__(self) -> str:
        return f"Entry(where={self.where!r})"  # the value may be a secret


Entries = dict[KeyPath, Entry]


def read_toml(path: Path) -> tuple[Entries, list[ConfigProblem]]:
    """Return the entries of a ``changemaker.toml``, none if there is no such file."""
    if not path.is_file():
        return {}, []
    try:
        text = read_text(path)
    except (UnicodeDecodeError, OSError) as error:
        return {}, [ConfigProblem("file", path.name, f"cannot be read: {_reason(error)}.")]
    table, problems = _parse(text)
    lines = _key_lines(text)
    return {key: Entry(value, _locate(key, lines), False) for key, value in _flat(table)}, problems


def read_text(path: Path) -> str:
    """Return the text of a file, without the byte order mark that some editors write."""
    return path.read_text(encoding="utf-8-sig")


def _reason(error: UnicodeDecodeError | OSError) -> str:
    if isinstance(error, OSError):
        return error.strerror or str(error)
    line = error.object[: error.start].count(b"\n") + 1
    return f"line {line} is not UTF-8; save the file with that encoding"


def _parse(text: str) -> tuple[dict[str, Any], list[ConfigProblem]]:
    """Return the table, and the lines that are not TOML.

    The parser stops at the first wrong line. That line is left out then, and parsing begins anew,
    so that all are reported at once.
    """
    lines = text.splitlines()
    problems: list[ConfigProblem] = []
    while len(problems) < MAX_SYNTAX_ERRORS:
        try:
            return tomllib.loads("\n".join(lines)), problems
        except tomllib.TOMLDecodeError as error:
            number = _error_line(error, len(lines))
            if problems and not lines[number - 1]:
                break  # a string without an end: the first problem says so
            problems.append(_syntax_problem(lines, number, error))
            _leave_out(lines, number - 1)
    return {}, problems


def _leave_out(lines: list[str], index: int) -> None:
    """Empty a line; with a table's header, the table too, whose keys would be another's."""
    is_header = lines[index].lstrip().startswith("[") and not _HEADER.match(lines[index])
    lines[index] = ""
    while is_header and index + 1 < len(lines) and not lines[index + 1].lstrip().startswith("["):
        index += 1
        lines[index] = ""


def _error_line(error: tomllib.TOMLDecodeError, last: int) -> int:
    found = _AT_LINE.search(str(error))
    return min(int(found[1]), last) if found else last


def _syntax_problem(lines: list[str], number: int, error: tomllib.TOMLDecodeError) -> ConfigProblem:
    """Return the problem of a line, which for a key that is set twice names the key."""
    where = f"{TOML}:{number}"
    message = str(error).partition(" (at ")[0]
    if not message.startswith(("Cannot overwrite", "Cannot declare")):
        return ConfigProblem("line", where, f"is not valid TOML: {message}.")
    own, first = _key_lines("\n".join(lines[:number])), _key_lines("\n".join(lines[: number - 1]))
    header = _HEADER.match(lines[number - 1])
    key = _path(header[1]) if header else next((k for k, n in own.items() if n == number), None)
    if key is None:  # it is in the list of keys already, at its first line
        assigned = _KEY.match(lines[number - 1])
        name = _path(assigned[1]) if assigned else ()
        key = next((k for k in reversed(first) if k[len(k) - len(name) :] == name), name)
    before = f", first in line {first[key]}" if key in first else ""
    return ConfigProblem(".".join(key), where, f"is set twice{before}. Remove one of the two.")


def _flat(table: Mapping[str, Any]) -> Iterator[tuple[KeyPath, Any]]:
    """Yield core's keys, and one level deeper the plugins'. An empty table names a plugin too."""
    for name, value in table.items():
        if not isinstance(value, dict) or not value:
            yield (name,), value
            continue
        for key, inner in value.items():
            yield (name, key), inner


def _key_lines(text: str) -> dict[KeyPath, int]:
    """Return the line of each table header and key, which tomllib does not provide."""
    found: dict[KeyPath, int] = {}
    table: KeyPath = ()
    inside: str | None = None
    for number, line in enumerate(text.splitlines(), start=1):
        was_inside, inside = inside, _multiline_string(line, inside)
        if was_inside:
            continue
        if header := _HEADER.match(line):
            table = _path(header[1])
            found.setdefault(table, number)
        elif key := _KEY.match(line):
            found.setdefault(table + _path(key[1]), number)
    return found


def _multiline_string(line: str, inside: str | None) -> str | None:
    """Return the quotes of the multi-line string that is open at the end of the line, if any."""
    for quotes in re.findall(r'"""|\'\'\'', line):
        inside = None if inside == quotes else inside or quotes
    return inside


def _path(dotted: str) -> KeyPath:
    return tuple(part.strip().strip("\"'") for part in dotted.split("."))


def _locate(key: KeyPath, lines: Mapping[KeyPath, int]) -> str:
    for length in range(len(key), 0, -1):
        if line := lines.get(key[:length]):
            return f"{TOML}:{line}"
    return TOML


def read_dotenv(path: Path) -> tuple[Entries, list[ConfigProblem]]:
    """Return the ``CHANGEMAKER_…`` entries of an ``.env`` file."""
    entries: Entries = {}
    problems: list[ConfigProblem] = []
    if not path.is_file():
        return entries, problems
    try:
        lines = read_text(path).splitlines()
    except (UnicodeDecodeError, OSError) as error:
        return entries, [ConfigProblem("file", path.name, f"cannot be read: {_reason(error)}.")]
    for number, line in enumerate(lines, start=1):
        if not (text := line.strip()) or text.startswith("#"):
            continue
        if match := _ASSIGNMENT.fullmatch(text):
            where = f"{DOTENV}:{number} ({match[1]})"
            entries.update(_entry(match[1], _unquoted(match[2]), where))
        else:
            problems.append(ConfigProblem("line", f"{DOTENV}:{number}", "must be NAME=value."))
    return entries, problems


def _unquoted(value: str) -> str:
    """Remove quotes, or else a comment (`` # …``) at the end."""
    if match := re.fullmatch(r"""(["'])(.*?)\1\s*(?:#.*)?""", value):
        return match[2]
    return re.split(r"\s#", value, maxsplit=1)[0].strip()


def read_environment(environ: Mapping[str, str]) -> Entries:
    """Return the entries of an environment."""
    entries: Entries = {}
    for variable in sorted(environ):
        entries.update(_entry(variable, environ[variable], variable))
    return entries


def _entry(variable: str, value: str, where: str) -> Entries:
    """Return the entry of a variable, none if it is not a key."""
    if not variable.startswith(PREFIX) or variable in _NOT_KEYS or _FOREIGN.match(variable):
        return {}
    return {key_of(variable): Entry(value, where, True)}


def key_of(variable: str) -> KeyPath:
    """``CHANGEMAKER_PETITIONS__OPEN_DAYS`` is ``("petitions", "open_days")``."""
    name = variable.removeprefix(PREFIX).lower()
    return tuple(name.split("__", 1))


def variable_of(key: KeyPath) -> str:
    """Return the environment variable of a key."""
    return PREFIX + "__".join(key).upper()
