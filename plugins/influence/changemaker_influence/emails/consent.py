"""What senders agree to, word for word."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, NamedTuple

from changemaker_core import Text

if TYPE_CHECKING:
    from collections.abc import Mapping


class Consent(NamedTuple):
    """A wording, and the version by which a message names it."""

    version: str
    text: Text


#: Every wording that senders have agreed to, by its version. One is never changed, nor its
#: translations: another wording is another version.
WORDINGS: Final[Mapping[str, Text]] = {
    "1": Text(
        "I agree that my name, email address and postal code are sent with my message to the "
        "people I chose, and stored so that the message can be delivered."
    ),
    "2": Text(
        "I agree that my name and email address are sent with my message to the people I chose, "
        "and stored so that the message can be delivered."
    ),
}


def consent_to(*, postal_code: bool) -> Consent:
    """Return the wording that is in use for a message with a postal code, or without one."""
    version = "1" if postal_code else "2"
    return Consent(version, WORDINGS[version])
