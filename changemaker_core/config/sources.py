"""Where configuration is written: ``changemaker.toml``, ``.env`` and the environment.

Each is read into the same shape, a mapping from a key's path to an entry that remembers where it
was written. ``("base_url",)`` is core's, ``("petitions", "open_days")`` a plugin's.
"""

from __future__ import annotations

import re
import stat
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
# NOTE(kubernetes): a service called "changemaker" or "changemaker-web" adds such variables to every
# pod. The names of services have single dashes, so that a plugin's `__smtp_port` is none of them.
_FOREIGN = re.compile(
    r"CHANGEMAKER_(?:[A-Z0-9]+_)*"
    r"(?:SERVICE_(?:HOST|PORT)(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_[A-Z]+)?)"
)
_FOREIGN_PORT = re.compile(r"CHANGEMAKER_(?:[A-Z0-9]+_)*PORT=(?:tcp|udp|sctp)://.*")

_HEADER = re.compile(r"\s*\[\[?\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"""\s*((?:[\w-]+|"[^"]*"|'[^']*')(?:\s*\.\s*(?:[\w-]+|"[^"]*"|'[^']*'))*)\s*=""")
_ASSIGNMENT = re.compile(r"(?:export\s+)?([A-Za-z_][A-Za-z0-9_]*)\s*=(.*)")

#: What quotes may be a part of: the beginning of a multi-line string, a string, or a comment.
_PIECE = re.compile(r"""\"{3}|'{3}|"(?:\\.|[^"\\])*"|'[^']*'|#.*""")

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
    text, problem = _content(path)
    if problem is not None:
        return {}, [problem]
    table, problems = _parse(text)
    lines = _key_lines(text)
    return {key: Entry(value, _locate(key, lines), False) for key, value in _flat(table)}, problems


def _content(path: Path) -> tuple[str, ConfigProblem | None]:
    """Return the text of a file, empty if there is none, and why it cannot be read."""
    try:
        mode = path.stat().st_mode
        if stat.S_ISFIFO(mode) or stat.S_ISSOCK(mode):  # reading would wait for a writer
            reason = "it is not a regular file"
        else:
            return read_text(path), None
    except FileNotFoundError:
        if not path.is_symlink():
            return "", None
        reason = "it is a link to a file that does not exist"
    except (UnicodeDecodeError, OSError) as error:
        reason = _reason(error)
    return "", ConfigProblem("file", path.name, f"cannot be read: {reason}.")


def read_text(path: Path) -> str:
    """Return the text of a file, without the byte order mark that some editors write."""
    return path.read_text(encoding="utf-8-sig")


def lines_of(text: str) -> list[str]:
    """Return the lines of a file's text, in which each ends with LF.

    ``str.splitlines`` ends them at U+2028 and others too, which may be in a value.
    """
    return text.removesuffix("\n").split("\n") if text else []


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
    lines = lines_of(text)
    problems: list[ConfigProblem] = []
    while len(problems) < MAX_SYNTAX_ERRORS:
        try:
            return tomllib.loads("\n".join(lines)), problems
        except tomllib.TOMLDecodeError as error:
            number = _error_line(error, len(lines))
            if problems and not lines[number - 1]:
                break  # a string without an end: the first problem says so
            if (opened := _opened(lines[:number], str(error))) is not None:
                problems.append(ConfigProblem("line", f"{TOML}:{opened[0]}", opened[1]))
                break  # all that follows would be a part of it
            problems.append(_syntax_problem(lines, number, error))
            _leave_out(lines, number - 1)
    return {}, problems


def _opened(lines: list[str], error: str) -> tuple[int, str] | None:
    """Return the line of a list or text that is not closed, and the problem; None for others."""
    inside, began = None, 0
    for number, line in enumerate(lines, start=1):
        was_inside, inside = inside, _multiline_string(line, inside)
        began = number if inside and not was_inside else began
    if inside:
        return began, f"opens a text that is not closed: {inside} is missing."
    if not error.startswith("Unclosed array"):
        return None
    lists = [n for n, line in enumerate(lines, start=1) if re.search(r"=\s*\[", line)]
    return (lists or [len(lines)])[
        -1
    ], "opens a list that is not closed: a ] or a comma is missing."


def _leave_out(lines: list[str], index: int) -> None:
    """Empty a line; with a table's header, the table too, whose keys would be another's."""
    is_header = lines[index].lstrip().startswith("[")
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
        return ConfigProblem("line", where, _meaning(message, lines[number - 1]))
    own, first = _key_lines("\n".join(lines[:number])), _key_lines("\n".join(lines[: number - 1]))
    header = _HEADER.match(lines[number - 1])
    key = _path(header[1]) if header else next((k for k, n in own.items() if n == number), None)
    if key is None:  # it is in the list of keys already, at its first line
        assigned = _KEY.match(lines[number - 1])
        name = _path(assigned[1]) if assigned else ()
        key = next((k for k in reversed(first) if k[len(k) - len(name) :] == name), name)
    return _set_twice(key, where, f", first in line {first[key]}" if key in first else "")


def _set_twice(key: KeyPath, where: str, before: str) -> ConfigProblem:
    return ConfigProblem(".".join(key), where, f"is set twice{before}. Remove one of the two.")


_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f]")
#: What a wrong line looks like, of which the parser says less than a person wants to know.
_SLIPS = (
    (
        r"<{7}|={7}|>{7}",
        "is left over from a merge: keep one of the versions, and remove the line.",
    ),
    (
        r"[^\"'#]*[\u201c\u201d\u201e\u2018\u2019\u00ab\u00bb]",
        "has typographic quotation marks: write \" or '.",
    ),
    (r"[^=]*=\s*(#.*)?$", "has no value after =."),
    (r"[^=]*=\s*(True|False|TRUE|FALSE)\b", "must have true or false in small letters."),
    (r'[^=]*=\s*"[^"]*\\', "has a \\ between \" and \": write '…' around the text instead."),
    (
        r"""[^=]*=\s*(["'])(?!\1)((?!\1).)*$""",
        "has a text whose closing quotation mark is missing.",
    ),
    (r"\s*[\w-]+\s*:", "has a : after the key: write = instead."),
    (r"\s*[\w.-]+\s*=\s*[^\"'\[{\d]", 'has a text without quotation marks: write "…" around it.'),
)


def _meaning(message: str, line: str) -> str:
    """Return what is wrong with a line that is not TOML, never a part of its value."""
    if _CONTROL.search(line):
        return "has a control character in it, such as U+0000: remove it."
    for pattern, meaning in _SLIPS:
        if re.match(pattern, line):
            return meaning
    return f"is not valid TOML: {message}."


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
    for number, line in enumerate(lines_of(text), start=1):
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
    at = 0
    while True:
        if inside is not None:
            end = line.find(inside, at)
            if end < 0:
                return inside
            at, inside = end + len(inside), None
        piece = _PIECE.search(line, at)
        if piece is None or piece[0].startswith("#"):
            return None
        at = piece.end()
        inside = piece[0] if piece[0] in ('"""', "'''") else None


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
    text, problem = _content(path)
    if problem is not None:
        return entries, [problem]
    lines: dict[KeyPath, int] = {}
    for number, line in enumerate(lines_of(text), start=1):
        if not (line := line.strip()) or line.startswith("#"):
            continue
        match = _ASSIGNMENT.fullmatch(line)
        if match is None:
            reason = "must be NAME=value, with a name of letters, digits and underscores."
            problems.append(ConfigProblem("line", f"{DOTENV}:{number}", reason))
            continue
        variable, written = match.groups()
        where = f"{DOTENV}:{number} ({variable})"
        if not variable.startswith(PREFIX):
            problems += _misnamed(variable, where)
            continue
        try:
            value = _value(written)
        except ValueError as error:
            problems.append(ConfigProblem("line", where, str(error)))
            continue
        for key, entry in _entry(variable, value, where).items():
            if key in lines:
                problems.append(_set_twice(key, where, f", first in line {lines[key]}"))
            lines.setdefault(key, number)
            entries[key] = entry
    return entries, problems


_QUOTES = (
    "has a quotation mark without its other one. A value in quotes ends with the same mark, on the "
    "same line, has none of it inside, and nothing but a # comment comes after it."
)
_HASH = (
    "has a value that begins with a #. Write it in quotes if the # is a part of it, and a space "
    "before the # if it begins a comment."
)


def _value(written: str) -> str:
    """Return the value of what is after ``=``: without quotes, or else without a comment
    (`` # …``) at the end. Raise ``ValueError`` for what may be meant in two ways."""
    if (plain := written.strip())[:1] in ("'", '"'):
        match = re.fullmatch(r"""(["'])((?:(?!\1).)*)\1\s*(?:#.*)?""", plain)
        if match is None:
            raise ValueError(_QUOTES)
        return match[2]
    if written.startswith("#"):
        raise ValueError(_HASH)
    return re.split(r"\s#", written, maxsplit=1)[0].strip()


#: What is meant to begin with ``PREFIX``.
_ALMOST = re.compile(r"changemakers?[_-]?(?=[a-z])", re.IGNORECASE)


def _misnamed(variable: str, where: str) -> list[ConfigProblem]:
    """Return the problem of a variable of ``.env`` that does not quite begin with ``PREFIX``.

    Other programs' variables may be in the same file.
    """
    if not (found := _ALMOST.match(variable)):
        return []
    name = PREFIX + variable[found.end() :].upper()
    return [ConfigProblem("name", where, f"is not one of Changemaker's: write {name}.")]


def read_environment(environ: Mapping[str, str]) -> tuple[Entries, list[ConfigProblem]]:
    """Return the entries of an environment."""
    entries: Entries = {}
    problems: list[ConfigProblem] = []
    for variable in sorted(environ):
        for key, entry in _entry(variable, environ[variable], variable).items():
            if not _is_unicode(entry.value):
                message = "is not UTF-8 text. The locale of the shell that set it may be another."
                problems.append(ConfigProblem(".".join(key), variable, message))
                entry = Entry(entry.value.encode(errors="replace").decode(), variable, True)
            if re.fullmatch(r"""(["']).*\1""", entry.value, re.DOTALL):
                # NOTE(docker): `--env-file` and `environment:` in quotes keep them.
                message = (
                    "has quotation marks around its value, which are a part of it: remove them."
                )
                problems.append(ConfigProblem(".".join(key), variable, message))
                entry = Entry(entry.value[1:-1], variable, True)
            entries[key] = entry
    return entries, problems


def _is_unicode(value: str) -> bool:
    """Return whether a value of the environment was UTF-8: what was not has surrogates."""
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True


def _entry(variable: str, value: str, where: str) -> Entries:
    """Return the entry of a variable, none if it is not a key."""
    if not variable.startswith(PREFIX) or variable in _NOT_KEYS:
        return {}
    if _FOREIGN.fullmatch(variable) or _FOREIGN_PORT.fullmatch(f"{variable}={value}"):
        return {}
    return {key_of(variable): Entry(value, where, True)}


def key_of(variable: str) -> KeyPath:
    """``CHANGEMAKER_PETITIONS__OPEN_DAYS`` is ``("petitions", "open_days")``."""
    name = variable.removeprefix(PREFIX).lower()
    return tuple(name.split("__", 1))


def variable_of(key: KeyPath) -> str:
    """Return the environment variable of a key."""
    return PREFIX + "__".join(key).upper()
