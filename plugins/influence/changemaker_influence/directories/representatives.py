"""Representatives, as all directories return them and as the API shows them."""

from __future__ import annotations

import hashlib
import re
from collections import defaultdict
from itertools import islice
from typing import TYPE_CHECKING, Final

import msgspec

from changemaker_core import Email, without_invisible
from changemaker_core.mail import HeaderInjection, InvalidAddress
from changemaker_influence.addresses import canonical
from changemaker_influence.directories.levels import Level, level_of, office_title
from changemaker_influence.folding import folded

if TYPE_CHECKING:
    from collections.abc import Iterable

#: The longest name of a person, an office, a district.
_MAX_LINE: Final = 200
#: Characters that are looked at for such a line; what follows is no name.
_MAX_RAW: Final = 2_000
_MAX_ADDRESS_LINES: Final = 10
_MAX_URL: Final = 500
#: Offices of one person; what follows is left out.
MAX_OFFICES: Final = 10
_BLANKS: Final = re.compile(r"\s+")
#: The councillors of one district may have numbered seats: "Vancouver (seat 2)". Folded text.
_SEAT: Final = re.compile(
    r" ?\b(?:(?:seat|siege|poste|position|place) (?:no |number |numero )?(?:\d+|[a-z])"
    r"|at large(?: \d+)?)\b"
)


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
        return hashlib.sha256("\n".join(self.identity).encode()).hexdigest()[:16]

    @property
    def person(self) -> tuple[str, str, str]:
        """The name, office and district for comparing: the same, however they are written."""
        name = folded(self.name) or self.name
        return name, office_title(self.elected_office), folded(self.district_name)

    @property
    def identity(self) -> tuple[str, ...]:
        """What makes two records the same: the person and the address, or without one the body."""
        return (*self.person, self.email or "", "" if self.email else self.body)

    @property
    def body(self) -> str:
        """The body of which the representative is a member, for comparing."""
        return folded(self.representative_set_name)

    @property
    def district(self) -> str:
        """The district for comparing; seats of one district are no districts of their own."""
        return _SEAT.sub("", folded(self.district_name)).strip()


class DirectoryEntry(msgspec.Struct, frozen=True, kw_only=True):
    """The city, province and representatives of one postal code.

    ``problems`` says, for operators, what of the directory's data was repaired or left out.
    """

    city: str = ""
    province: str = ""
    representatives: tuple[Representative, ...] = ()
    problems: tuple[str, ...] = ()

    @property
    def ambiguous(self) -> bool:
        """Whether the code lies in several districts: one office has people of several."""
        everywhere = {"", folded(self.city)}
        districts = defaultdict(set)
        for person in self.representatives:
            office = (person.level, office_title(person.elected_office), person.body)
            districts[office].add(person.district)
        return any(len(names - everywhere) > 1 for names in districts.values())


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
    level: Level | None = None,
) -> Representative:
    """Return a representative from a directory's text, which is cleaned and checked.

    Without ``level``, that of the office and of the body (``representative_set_name``) is used.
    """
    address = clean_address(email)
    office, body = single_line(elected_office), single_line(representative_set_name)
    return Representative(
        name=single_line(name),
        email=address,
        can_email=address is not None,
        level=level or level_of(office, body),
        elected_office=office,
        district_name=single_line(district_name),
        party_name=single_line(party_name),
        photo_url=_web_address(photo_url),
        url=_web_address(url),
        offices=tuple(map(_office, islice(offices, MAX_OFFICES))),
        representative_set_name=body,
    )


def deduplicated(people: Iterable[Representative]) -> tuple[Representative, ...]:
    """Return each person once, in the order of their first appearance.

    Records of one person in one office are one, with what each of them has. Two addresses are two
    choices, since nothing says which is right; without an address, namesakes in two bodies stay
    two people.
    """
    found: dict[tuple[str, ...], Representative] = {}
    for each in people:
        known = found.get(each.identity)
        found[each.identity] = each if known is None else _merged(known, each)
    by_person = defaultdict(list)
    for key, each in found.items():
        if each.email:
            by_person[each.person].append(key)
    for key, each in [(key, each) for key, each in found.items() if not each.email]:
        for same in by_person.get(each.person, ()):
            if len({found[same].body, each.body} - {""}) <= 1:
                del found[key]
                found[same] = _merged(found[same], each)
                break
    return tuple(found.values())


def _merged(first: Representative, second: Representative) -> Representative:
    """Return ``first`` with what it lacks taken from ``second``."""
    fields = first.__struct_fields__
    lacking = {name: getattr(second, name) for name in fields if not getattr(first, name)}
    return msgspec.structs.replace(first, **lacking)


def clean_address(written: str) -> str | None:
    """``" Mailto:A.B@Example.CA "`` → ``"a.b@example.ca"``; ``None`` for anything not plain.

    So is ``root@localhost``, which no request could name: one grammar says to whom to write.
    """
    if len(written) > _MAX_RAW:
        return None
    try:
        address = canonical(written.strip().lower().removeprefix("mailto:").strip())
        return msgspec.convert(address, Email)
    except (InvalidAddress, HeaderInjection, msgspec.ValidationError):
        return None


def single_line(written: str) -> str:
    """Return ``written`` on one line of at most 200 printable characters.

    Names end up in the headers of a mail, and PostgreSQL rejects U+0000.
    """
    text = without_invisible(written[:_MAX_RAW])
    printable = "".join(c if c.isprintable() else " " for c in text)
    return _BLANKS.sub(" ", printable).strip()[:_MAX_LINE].rstrip()


def _office(raw: Office) -> Office:
    return Office(
        type=single_line(raw.type),
        tel=single_line(raw.tel),
        fax=single_line(raw.fax),
        postal="\n".join(map(single_line, raw.postal[:_MAX_RAW].splitlines()[:_MAX_ADDRESS_LINES])),
    )


def _web_address(written: str) -> str:
    address = written.strip()
    if len(address) > _MAX_URL:
        return ""
    web = address.lower().startswith(("https://", "http://"))
    return address if web and address.isprintable() else ""
