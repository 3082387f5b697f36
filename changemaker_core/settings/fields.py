"""The fields of a group: their kinds, what is allowed in them, and their values in JSON."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import lru_cache
from types import UnionType
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal, Union, get_args, get_origin
from urllib.parse import urlsplit
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

import msgspec
from msgspec import inspect

from changemaker_core.config import Secret
from changemaker_core.config.characters import LINE, is_blank, visible_line, visible_lines
from changemaker_core.config.convert import convert
from changemaker_core.config.email_address import is_email_address
from changemaker_core.settings.declarations import Setting
from changemaker_core.text import Text

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from changemaker_core.settings.declarations import FieldKind, SettingsGroup

#: Characters of a text that has no limit of its own, and entries of a list.
MOST_CHARACTERS: Final = 10_000
MOST_LINES: Final = 200
#: Languages of one text.
MOST_LANGUAGES: Final = 20
#: Kinds of a ``str`` that an author can choose.
_OF_STR: Final = frozenset(
    {"line", "text", "color", "email", "url", "locale", "time_zone", "image"}
)
#: Names of groups, which are a part of addresses, and those that would be another address.
_NAME = re.compile(r"[a-z][a-z0-9_.]{0,79}")
_RESERVED: Final = frozenset({"public", "images"})
_COLOR = re.compile(r"#[0-9a-f]{6}")
#: As catalogues are named: ``fr``, ``pt_BR``, ``zh_Hant``.
_LANGUAGE = re.compile(r"[a-z]{2,3}(_[A-Z][a-z]{3})?(_([A-Z]{2}|[0-9]{3}))?", re.ASCII)
_IMAGE = re.compile(r"/images/[a-z0-9_]+(?=.{1,200}\Z)(/[A-Za-z0-9_-][A-Za-z0-9._-]*)+")
_ONE_LINE = re.compile(LINE)


class Wrong(ValueError):
    """A value that a field cannot have; ``message`` says what is allowed."""

    def __init__(self, message: str) -> None:
        super().__init__(message)
        self.message = message


@dataclass(frozen=True, slots=True)
class Field:
    """One field of a group. ``optional`` says that it can be empty: ``None``."""

    name: str
    type: Any
    default: Any
    setting: Setting
    kind: FieldKind
    optional: bool
    choices: tuple[Any, ...] = ()

    @property
    def is_secret(self) -> bool:
        """Whether its value is encrypted and shown to nobody."""
        return self.kind == "secret"

    def read(self, value: Any) -> Any:
        """Return a value of JSON as the field has it. Raises ``Wrong``."""
        if value is None and self.optional:
            return None
        value = self._cleaned(value)
        try:
            read = convert(value, self.type, textual=False)
        except msgspec.ValidationError:
            raise Wrong(self.allowed) from None
        self._check(read)
        return read

    def read_text(self, text: str) -> Any:
        """Return what a person has typed on a command line, as JSON has it. Raises ``Wrong``."""
        if not _is_unicode(text):
            raise Wrong(self.allowed)
        if self.kind in ("choices", "lines", "texts") or (self.optional and text == "null"):
            try:
                return msgspec.json.decode(text)
            except msgspec.DecodeError:
                raise Wrong(self.allowed) from None
        if self.kind in ("switch", "number"):
            try:
                return msgspec.to_builtins(convert(text, self.type, textual=True))
            except msgspec.ValidationError:
                raise Wrong(self.allowed) from None
        return text

    def written(self, value: Any) -> Any:
        """Return a value of the field as JSON has it. A secret is its text."""
        if isinstance(value, tuple):
            return list(value)  # as it is read from the database, so that equal values are equal
        return value.reveal() if isinstance(value, Secret) else msgspec.to_builtins(value)

    @property
    def schema(self) -> dict[str, Any]:
        """The JSON Schema of its values."""
        if self.is_secret:
            kinds = ["string", "null"] if self.optional else "string"
            return {"type": kinds, "writeOnly": True}
        return msgspec.json.schema(self.type)

    @property
    def allowed(self) -> Text:
        """What its values can be, for people."""
        if self.kind in ("choice", "choices"):
            listed = ", ".join(map(str, self.choices))
            if self.kind == "choice":
                return Text("Choose one of these: {choices}.", choices=listed)
            return Text("Choose some of these: {choices}.", choices=listed)
        if self.kind == "number":
            return _allowed_number(self.type)
        limit = _longest(self.type)
        if self.kind == "line" and limit < MOST_CHARACTERS:
            return Text("Enter one line of at most {limit} characters.", limit=limit)
        if self.kind in ("text", "secret") and limit < MOST_CHARACTERS:
            return Text("Enter a text of at most {limit} characters.", limit=limit)
        return _ALLOWED[self.kind]

    def _cleaned(self, value: Any) -> Any:
        if self.kind == "text" and isinstance(value, str):
            return visible_lines(value.replace("\r\n", "\n"))
        if self.kind == "texts" and isinstance(value, dict):
            return {
                _language(name): visible_lines(text.replace("\r\n", "\n"))
                if isinstance(text, str)
                else text
                for name, text in value.items()
                # A form sends a text for each language, and empty ones for those without.
                if not (isinstance(text, str) and is_blank(text))
            }
        if isinstance(value, str) and self.kind not in ("secret", "choice"):
            value = visible_line(value).strip()
            if self.kind == "locale":
                return _language(value)
            return value.lower() if self.kind == "color" else value
        return value

    def _check(self, value: Any) -> None:
        if isinstance(value, Secret):
            valid = len(value.reveal()) <= _longest(self.type) and "\0" not in value.reveal()
        elif isinstance(value, str):
            # An empty text stands for none, unless the type says otherwise.
            check = _CHECKS.get(self.kind, _is_line)
            valid = len(value) <= _longest(self.type) and (value == "" or check(value))
            valid = valid and not (value == "" and self.default != "" and self.kind in _CHECKS)
        elif self.kind == "lines":
            valid = len(value) <= MOST_LINES and all(map(_is_short_line, value))
        elif self.kind == "texts":
            valid = len(value) <= MOST_LANGUAGES and all(
                _LANGUAGE.fullmatch(name) and len(text) <= MOST_CHARACTERS
                for name, text in value.items()
            )
        else:
            valid = True
        if not valid:
            raise Wrong(self.allowed)


def _is_unicode(text: str) -> bool:
    """Return whether a text can be stored: a terminal may send bytes that are no text."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def _language(code: str) -> str:
    """``pt-BR`` is ``pt_BR``"""
    return code.replace("-", "_")


def _is_line(text: str) -> bool:
    return _ONE_LINE.fullmatch(text) is not None


def _is_short_line(text: str) -> bool:
    return len(text) <= MOST_CHARACTERS and _is_line(text)


def _is_url(text: str) -> bool:
    try:
        parts = urlsplit(text)
        parts.port  # noqa: B018  # raises
    except ValueError:
        return False
    good = parts.scheme in ("http", "https") and parts.hostname and not parts.username
    return bool(good) and _is_line(text) and " " not in text


def _is_time_zone(text: str) -> bool:
    try:
        ZoneInfo(text)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return False
    return True


#: What a text of each kind must be.
_CHECKS: Final[dict[str, Callable[[str], Any]]] = {
    "color": _COLOR.fullmatch,
    "email": is_email_address,
    "url": _is_url,
    "locale": _LANGUAGE.fullmatch,
    "time_zone": _is_time_zone,
    "image": _IMAGE.fullmatch,
    "text": lambda _: True,
}
_ALLOWED: Final[dict[str, Text]] = {
    "switch": Text("Choose yes or no (true or false)."),
    "line": Text("Enter one line of text."),
    "lines": Text("Enter a list of lines."),
    "text": Text("Enter a text."),
    "texts": Text("Enter a text for each language, by its code, such as en or fr."),
    "color": Text("Enter a colour such as #0d5f58."),
    "email": Text("Enter an email address such as name@example.org."),
    "url": Text("Enter an address that begins with https:// or http://."),
    "locale": Text("Enter the code of a language, such as en or fr."),
    "time_zone": Text("Enter a time zone such as America/Edmonton."),
    "image": Text("Upload the picture first, and enter the path that you get."),
    "secret": Text("Enter a text."),
}


def _allowed_number(kind: Any) -> Text:
    info = _plain(kind)
    low = high = None
    if isinstance(info, inspect.IntType | inspect.FloatType):
        low = info.ge if info.ge is not None else info.gt
        high = info.le if info.le is not None else info.lt
    if low is not None and high is not None:
        return Text("Enter a number from {low} to {high}.", low=f"{low:g}", high=f"{high:g}")
    if low is not None:
        return Text("Enter a number of at least {low}.", low=f"{low:g}")
    if high is not None:
        return Text("Enter a number of at most {high}.", high=f"{high:g}")
    return Text("Enter a number.")


def _longest(kind: Any) -> int:
    info = _plain(kind)
    longest = info.max_length if isinstance(info, inspect.StrType) else None
    return MOST_CHARACTERS if longest is None else longest


def _plain(kind: Any) -> inspect.Type:
    """Return the type without ``None`` and metadata."""
    info = inspect.type_info(kind)
    while isinstance(info, inspect.Metadata | inspect.UnionType):
        if isinstance(info, inspect.Metadata):
            info = info.type
        else:
            info = next(t for t in info.types if not isinstance(t, inspect.NoneType))
    return info


@lru_cache(maxsize=256)
def fields_of(struct: type[msgspec.Struct]) -> Mapping[str, Field]:
    """Return the fields of a Struct by name. Raises ``TypeError`` for one that is no setting."""
    fields = {info.name: _field(info) for info in msgspec.structs.fields(struct)}
    for field in fields.values():
        if unknown := set(field.setting.entered_with) - fields.keys():
            raise TypeError(f"{field.name} is entered with {sorted(unknown)}, which it has not")
    return fields


def _field(info: msgspec.structs.FieldInfo) -> Field:
    setting = next((each for each in _metadata(info.type) if isinstance(each, Setting)), None)
    if setting is None:
        raise TypeError(f"{info.name} has no label: Annotated[…, Setting(Text(…))]")
    if info.required:
        raise TypeError(f"{info.name} has no default")
    default = info.default if info.default_factory is msgspec.NODEFAULT else info.default_factory()
    optional = any(isinstance(t, inspect.NoneType) for t in _alternatives(info.type))
    kind = _kind(info.name, _plain(info.type))
    # As they are written; msgspec sorts them.
    choices = next(_literals(info.type), ()) if kind in ("choice", "choices") else ()
    if setting.kind is not None and setting.kind != kind:
        if kind != "line" or setting.kind not in _OF_STR:
            raise TypeError(f"{info.name} is a {kind} by its type, and cannot be a {setting.kind}")
        kind = setting.kind
    if setting.public and kind == "secret":
        raise TypeError(f"{info.name} is a Secret, and cannot be public")
    return Field(info.name, info.type, default, setting, kind, optional, choices)


def _metadata(kind: Any) -> Iterator[Any]:
    """Yield the metadata of ``Annotated``, also that of ``Annotated[…] | None``."""
    if get_origin(kind) is Annotated:
        inner, *metadata = get_args(kind)
        yield from metadata
        yield from _metadata(inner)
    elif get_origin(kind) in (Union, UnionType):
        for each in get_args(kind):
            yield from _metadata(each)


def _alternatives(kind: Any) -> tuple[inspect.Type, ...]:
    info = inspect.type_info(kind)
    while isinstance(info, inspect.Metadata):
        info = info.type
    return info.types if isinstance(info, inspect.UnionType) else (info,)


def _literals(kind: Any) -> Iterator[tuple[Any, ...]]:
    """Yield the values of each ``Literal`` in a type."""
    if get_origin(kind) is Literal:
        yield get_args(kind)
    else:
        for each in get_args(kind):
            yield from _literals(each)


def _kind(name: str, info: inspect.Type) -> FieldKind:
    if isinstance(info, inspect.LiteralType):
        return "choice"
    if isinstance(info, inspect.VarTupleType):
        item = info.item_type
        if isinstance(item, inspect.LiteralType):
            return "choices"
        if isinstance(item, inspect.StrType):
            return "lines"
    if isinstance(info, inspect.DictType) and isinstance(info.value_type, inspect.StrType):
        return "texts"
    if isinstance(info, inspect.CustomType) and info.cls is Secret:
        return "secret"
    kind = _OF_TYPE.get(type(info))
    if kind is None:
        raise TypeError(f"{name} has a type that no setting can have")
    return kind


_OF_TYPE: Final[dict[type[inspect.Type], Literal["switch", "number", "line"]]] = {
    inspect.BoolType: "switch",
    inspect.IntType: "number",
    inspect.FloatType: "number",
    inspect.StrType: "line",
}


def problems_of(group: SettingsGroup) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a group, each with its fix."""
    if not _NAME.fullmatch(group.name) or group.name in _RESERVED:
        problem = f"A group of settings cannot be called {group.name!r}."
        yield problem, "Use small letters, digits, dots and _; public and images are taken."
        return
    if not group.struct.__struct_config__.frozen:
        problem = f"The settings {group.struct.__name__} of {group.name!r} are not frozen."
        yield problem, "Add frozen=True: a process has one of them, which all its code shares."
        return
    try:
        fields_of(group.struct)
        group.struct()
    except (TypeError, ValueError) as error:
        problem = f"The settings {group.struct.__name__} of {group.name!r} are not valid: {error}."
        fix = (
            "Each field has a label and a default, and is a bool, int, float, str, Literal, Secret,"
            " tuple[str, ...] or dict[str, str]."
        )
        yield problem, fix
