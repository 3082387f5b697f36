"""The response of OpenNorth's Represent API about a postal code.

Format: https://represent.opennorth.ca/api/ (``/postcodes/A1A1A1/``). Keys are left out at will: a
code may have either list of representatives, both, or neither. The data comes from hundreds of
councils' sites, so that any value may be of another type than documented: it is repaired where its
meaning is plain, and else left out, and the rest is used.
"""

from __future__ import annotations

import codecs
import json
from itertools import islice
from typing import Any, Final

from changemaker_influence.directories.levels import level_named
from changemaker_influence.directories.representatives import (
    MAX_OFFICES,
    DirectoryEntry,
    Office,
    Representative,
    deduplicated,
    representative,
    single_line,
)

_LISTS: Final = ("representatives_centroid", "representatives_concordance")
_EXPECTED_KEYS: Final = ("code", "city", *_LISTS)
_UTF16: Final = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
#: A response that is larger is not read.
MAX_BYTES: Final = 2_000_000
#: More than any postal code has; what follows is left out.
MAX_PEOPLE: Final = 100
_MAX_PROBLEMS: Final = 20


class NotRepresentFormat(ValueError):
    """These bytes are not a response of Represent."""


def read_entry(content: bytes) -> DirectoryEntry:
    """Return both lists merged, each person once. Raises ``NotRepresentFormat``.

    Only bytes that are no JSON object of Represent raise it. A person without a name is left out; a
    value of a wrong type is repaired or left out. Each is one of the entry's ``problems``.
    """
    return _Reader().entry(content)


class _Number(str):
    """A number of JSON as it is written; where text is expected, it is that text."""

    __slots__ = ()


class _Reader:
    """Reads one response, and collects what was wrong with it."""

    def __init__(self) -> None:
        self._problems: dict[str, None] = {}

    def entry(self, content: bytes) -> DirectoryEntry:
        raw = self._parse(content)
        if not isinstance(raw, dict) or not any(key in raw for key in _EXPECTED_KEYS):
            raise NotRepresentFormat("none of the expected keys")
        lists = {key: self._list(raw.get(key), key) for key in _LISTS}
        if sum(map(len, lists.values())) > MAX_PEOPLE:
            self._report(f"more than {MAX_PEOPLE} people: the rest was left out")
        records = ((key, *each) for key, people in lists.items() for each in enumerate(people))
        people = [
            self._person(f"{key}[{index}]", record)
            for key, index, record in islice(records, MAX_PEOPLE)
        ]
        return DirectoryEntry(
            city=single_line(self._text(raw.get("city"), "city")),
            province=single_line(self._text(raw.get("province"), "province")),
            representatives=deduplicated(person for person in people if person is not None),
            problems=tuple(self._problems),
        )

    def _parse(self, content: bytes) -> Any:
        try:
            return json.loads(
                self._decode(content),
                object_pairs_hook=self._object,
                parse_int=_Number,
                parse_float=_Number,
                parse_constant=_Number,
                strict=False,  # line breaks and control characters within text
            )
        except (ValueError, RecursionError) as error:
            raise NotRepresentFormat(f"not JSON: {error}") from None

    def _decode(self, content: bytes) -> str:
        if content.startswith(_UTF16):
            return content.decode("utf-16", errors="replace")
        content = content.removeprefix(codecs.BOM_UTF8)
        try:
            return content.decode()
        except UnicodeDecodeError:
            self._report("not in UTF-8: read as Windows-1252")
            return content.decode("cp1252", errors="replace")

    def _object(self, pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        """Return a JSON object; of a key that is there twice, nothing is lost."""
        made: dict[str, Any] = {}
        for key, value in pairs:
            if key not in made:
                made[key] = value
                continue
            if len(self._problems) < _MAX_PROBLEMS:
                self._report(f"the key {single_line(key)!r} twice in one object")
            known = made[key]
            if isinstance(known, list) and isinstance(value, list):
                known.extend(value)
            else:
                made[key] = known or value
        return made

    def _person(self, where: str, record: Any) -> Representative | None:
        if not isinstance(record, dict):
            self._report(f"{where} is no record of a person: left out")
            return None

        def text(key: str) -> str:
            return self._text(record.get(key), f"{where}.{key}")

        name = text("name")
        if not single_line(name):
            name = f"{text('first_name')} {text('last_name')}"
            if not single_line(name):
                self._report(f"{where} has no name: left out")
                return None
        return representative(
            name=name,
            elected_office=text("elected_office"),
            email=text("email"),
            district_name=text("district_name"),
            party_name=text("party_name"),
            photo_url=text("photo_url"),
            url=text("url"),
            offices=self._offices(record.get("offices"), f"{where}.offices"),
            representative_set_name=text("representative_set_name"),
            level=level_named(text("level")),
        )

    def _offices(self, value: Any, where: str) -> list[Office]:
        offices = []
        for index, each in enumerate(islice(self._list(value, where), MAX_OFFICES)):
            at = f"{where}[{index}]"
            if not isinstance(each, dict):
                self._report(f"{at} is no office: left out")
                continue
            texts = {key: self._text(each.get(key), f"{at}.{key}") for key in _OFFICE_KEYS}
            offices.append(Office(**texts))
        return offices

    def _list(self, value: Any, where: str) -> list[Any]:
        """Return a list; an object alone is a list of one."""
        if value is None:
            return []
        if isinstance(value, list):
            return value
        if isinstance(value, dict) and value:
            self._report(f"{where} is an object instead of a list")
            return [value]
        self._report(f"{where} is no list: left out")
        return []

    def _text(self, value: Any, where: str) -> str:
        """Return text; a number is what is written, and a list of one its item."""
        if isinstance(value, list) and len(value) == 1:
            value = value[0]
        if value is None or type(value) is str:
            return value or ""
        if isinstance(value, _Number):
            self._report(f"{where} is a number instead of text")
            return str(value)
        self._report(f"{where} is no text: left out")
        return ""

    def _report(self, problem: str) -> None:
        if len(self._problems) < _MAX_PROBLEMS:
            self._problems[problem] = None


_OFFICE_KEYS: Final = tuple(Office.__struct_fields__)
