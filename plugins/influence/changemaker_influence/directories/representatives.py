"""Representatives, as all directories return them and as the API shows them."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from typing import TYPE_CHECKING, Final

import msgspec

from changemaker_core.mail import HeaderInjection, InvalidAddress
from changemaker_influence.addresses import canonical
from changemaker_influence.directories.levels import Level, level_of

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The longest name of a person, an office, a district.
_MAX_LINE: Final = 200
_BLANKS: Final = re.compile(r"\s+")


class Office(msgspec.Struct, frozen=True, kw_only=True):
    """One of a representative's offices; ``type`` is ``legislature``, ``constituency`` or so."""

    type: str = ""
    tel: str = ""
    fax: str = ""
    postal: str = ""


class Representative(msgspec.Struct, frozen=True, kw_only=True):
    """A person in public office. ``email`` is lower case, and ``None`` where there is none."""

    name: str
    email: str | None = None
    can_email: bool = False
    level: Level | None = None
    elected_office: str = ""
    district_name: str = ""
    party_name: str = ""
    photo_url: str = ""
    url: str = ""
    offices: tuple[Office, ...] = ()
    representative_set_name: str = ""

    @property
    def key(self) -> str:
        """Identifies the representative in a form: the same for one person in one office."""
        identity = "\n".join((self.email or "", self.name, self.elected_office, self.district_name))
        return hashlib.sha256(identity.encode()).hexdigest()[:16]


class DirectoryEntry(msgspec.Struct, frozen=True, kw_only=True):
    """The city, province and representatives of one postal code."""

    city: str = ""
    province: str = ""
    representatives: tuple[Representative, ...] = ()

    @property
    def ambiguous(self) -> bool:
        """Whether the code lies in several districts: one office has people of several."""
        districts = defaultdict(set)
        for person in self.representatives:
            office = (person.level, person.elected_office, person.representative_set_name)
            districts[office].add(person.district_name)
        return any(len(names) > 1 for names in districts.values())


def representative(
    *,
    name: str,
    elected_office: str,
    email: str = "",
    district_name: str = "",
    party_name: str = "",
    photo_url: str = "",
    url: str = "",
    offices: Iterable[Office] = (),
    representative_set_name: str = "",
) -> Representative:
    """Return a representative from a directory's text, which is cleaned and checked."""
    address = clean_address(email)
    return Representative(
        name=single_line(name),
        email=address,
        can_email=address is not None,
        level=level_of(elected_office),
        elected_office=single_line(elected_office),
        district_name=single_line(district_name),
        party_name=single_line(party_name),
        photo_url=_web_address(photo_url),
        url=_web_address(url),
        offices=tuple(map(_office, offices)),
        representative_set_name=single_line(representative_set_name),
    )


def deduplicated(people: Iterable[Representative]) -> tuple[Representative, ...]:
    """Return each person once, in the order of their first appearance."""
    by_key: dict[str, Representative] = {}
    for person in people:
        by_key.setdefault(person.key, person)
    return tuple(by_key.values())


def clean_address(written: str) -> str | None:
    """``" Mailto:A.B@Example.CA "`` → ``"a.b@example.ca"``; ``None`` for anything not plain."""
    try:
        return canonical(written.strip().lower().removeprefix("mailto:").strip())
    except (InvalidAddress, HeaderInjection):
        return None


def single_line(written: str) -> str:
    """Return ``written`` on one line of at most 200 printable characters.

    Names end up in the headers of a mail, and PostgreSQL rejects U+0000.
    """
    printable = "".join(c if c.isprintable() else " " for c in written)
    return _BLANKS.sub(" ", printable).strip()[:_MAX_LINE].rstrip()


def _office(raw: Office) -> Office:
    return Office(
        type=single_line(raw.type),
        tel=single_line(raw.tel),
        fax=single_line(raw.fax),
        postal="\n".join(map(single_line, raw.postal.splitlines())),
    )


def _web_address(written: str) -> str:
    address = written.strip()
    web = address.lower().startswith(("https://", "http://"))
    return address if web and address.isprintable() else ""
