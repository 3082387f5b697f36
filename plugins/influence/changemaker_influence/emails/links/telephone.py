"""Links that dial a number, out of a field in which people write what they like."""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    import phonenumbers

#: What looks like a number in one field, and is looked at more closely: the library does that
#: 65,535 times, which took a second for the fields of a few people.
_MOST_TRIES: Final = 4
#: A number without a country is read as one of the North American plan.
_REGION: Final = "CA"
#: Words for an extension that the library does not know, and one that it does; not before another
#: whole number.
_EXTENSION: Final = re.compile(
    r"\b(?:poste|post|local|loc|int|p)\b\.?[\s:#]*(?=\d{1,7}\b(?![\s.()-]*\d))", re.IGNORECASE
)
_FAX: Final = re.compile(r"\b(?:fax|t[ée]l[ée]c\w*|f)\s*[.:)]*\s*\Z", re.IGNORECASE)
#: Services such as 311, a city's, and 811, a province's.
_SERVICE: Final = re.compile(r"[2-9]11")
#: "1-800-O-CANADA": letters stand for the digits of their keys.
_VANITY: Final = re.compile(
    r"\+?1?[\s.(-]*\d{3}[\s.)-]*[A-Z\d\s.-]*[A-Z][A-Z\d\s.-]*", re.IGNORECASE
)


def load() -> None:
    """Load the library, which takes a tenth of a second: ahead of the first page, on a thread."""
    import phonenumbers  # noqa: F401  # to be there when it is used


@lru_cache(maxsize=4096)
def tel(written: str) -> str | None:
    """Return the ``tel:`` link of the first complete number in ``written``; ``None`` without one.

    An extension is dialled after a pause. Numbers of a fax and numbers without an area code have no
    link: a wrong one would call a stranger.

    >>> tel("1 613 555-0100 poste 12 / 1 800 555-0199"), tel("555-0100")
    ('tel:+16135550100,12', None)
    """
    import phonenumbers

    text = written.strip()
    if _SERVICE.fullmatch(text):
        return f"tel:{text}"
    text = _EXTENSION.sub("ext. ", text)
    possible = phonenumbers.Leniency.POSSIBLE
    matches = phonenumbers.PhoneNumberMatcher(text, _REGION, possible, _MOST_TRIES)
    for match in matches:
        number = match.number
        if phonenumbers.is_valid_number(number) and not _FAX.search(text[: match.start]):
            return _link(number)
    if not _VANITY.fullmatch(text):
        return None
    try:
        number = phonenumbers.parse(text, _REGION)
    except phonenumbers.NumberParseException:  # as for "+0", which begins no number
        return None
    return _link(number) if phonenumbers.is_valid_number(number) else None


def _link(number: phonenumbers.PhoneNumber) -> str:
    import phonenumbers

    e164 = phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)
    return f"tel:{e164},{number.extension}" if number.extension else f"tel:{e164}"
