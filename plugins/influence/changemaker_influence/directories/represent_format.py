"""The response of OpenNorth's Represent API about a postal code.

Format: https://represent.opennorth.ca/api/ (``/postcodes/A1A1A1/``). Keys are left out at will: a
code may have either list of representatives, both, or neither.
"""

from __future__ import annotations

from typing import Final

import msgspec

from changemaker_influence.directories.representatives import (
    DirectoryEntry,
    Office,
    Representative,
    deduplicated,
    representative,
    single_line,
)

_EXPECTED_KEYS: Final = ("code", "city", "representatives_centroid", "representatives_concordance")


class NotRepresentFormat(ValueError):
    """These bytes are not a response of Represent."""


class _Office(msgspec.Struct):
    type: str | None = None
    tel: str | None = None
    fax: str | None = None
    postal: str | None = None

    def to_office(self) -> Office:
        return Office(
            type=self.type or "", tel=self.tel or "", fax=self.fax or "", postal=self.postal or ""
        )


class _Person(msgspec.Struct):
    name: str
    elected_office: str | None = None
    email: str | None = None
    district_name: str | None = None
    party_name: str | None = None
    photo_url: str | None = None
    url: str | None = None
    representative_set_name: str | None = None
    offices: list[_Office] | None = None

    def to_representative(self) -> Representative:
        return representative(
            name=self.name,
            elected_office=self.elected_office or "",
            email=self.email or "",
            district_name=self.district_name or "",
            party_name=self.party_name or "",
            photo_url=self.photo_url or "",
            url=self.url or "",
            offices=[office.to_office() for office in self.offices or ()],
            representative_set_name=self.representative_set_name or "",
        )


class _PostalCode(msgspec.Struct):
    city: str | None = None
    province: str | None = None
    representatives_centroid: list[_Person] | None = None
    representatives_concordance: list[_Person] | None = None


def read_entry(content: bytes) -> DirectoryEntry:
    """Return both lists merged, each person once. Raises ``NotRepresentFormat``."""
    try:
        raw = msgspec.json.decode(content, type=dict[str, msgspec.Raw])
        if not any(key in raw for key in _EXPECTED_KEYS):
            raise NotRepresentFormat("none of the expected keys")
        found = msgspec.json.decode(content, type=_PostalCode)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise NotRepresentFormat(str(error)) from None
    people = [*(found.representatives_centroid or ()), *(found.representatives_concordance or ())]
    return DirectoryEntry(
        city=single_line(found.city or ""),
        province=single_line(found.province or ""),
        representatives=deduplicated(person.to_representative() for person in people),
    )
