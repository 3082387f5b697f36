"""A campaign's message as a visitor reads it before sending it."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from changemaker_core import Text
from changemaker_influence.campaigns.placeholders import fill, first, translated
from changemaker_influence.emails.links.mailto import mailto_or_copy

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from changemaker_influence.campaigns.queries import PublishedCampaign

    Translate = Callable[[str, str], str]

#: Stand for placeholders whose values are not known yet.
_RECIPIENT = Text("[name of the recipient]")
_SENDER = Text("[your name]")


@dataclass(frozen=True, slots=True)
class MessagePreview:
    """The message of ``campaign`` for a visitor at ``postal_code``, which may be empty.

    ``recipients`` are the names of those whom the visitor may write to.
    """

    campaign: PublishedCampaign
    postal_code: str
    recipients: Sequence[str]
    translate: Translate

    @property
    def subject(self) -> str:
        """The subject, with everything that is known filled in.

        What is not known yet stays a placeholder, in the campaign's language, where the visitor may
        edit the message.
        """
        return self._text(self.campaign.email_subject)

    @property
    def body(self) -> str:
        """The body, as the subject."""
        return self._text(self.campaign.email_body)

    @property
    def placeholder(self) -> str:
        """A placeholder that is left in the body, as an example; ``""`` where there is none."""
        return first(self.body)

    @property
    def digest(self) -> str:
        """What tells this message from another one of the same campaign."""
        return digest_of(self.campaign)

    def mailto(self, email: str, name: str) -> tuple[str, str | None]:
        """Return the link that opens the message to ``email`` in the visitor's email app, and the
        text to copy where the link cannot have it."""
        subject = self._filled(self.campaign.email_subject, name)
        return mailto_or_copy(email, subject, self._filled(self.campaign.email_body, name))

    def _text(self, text: str) -> str:
        only = self.recipients[0] if len(self.recipients) == 1 else None
        if self.campaign.allow_email_editing:
            known = {"recipient_name": only, "postal_code": self.postal_code}
            filled = fill(text, {name: value for name, value in known.items() if value})
            return translated(filled, self.campaign.language)
        return self._filled(text, only or self.translate(_RECIPIENT, self.campaign.language))

    def _filled(self, text: str, recipient: str) -> str:
        sender = self.translate(_SENDER, self.campaign.language)
        values = {"recipient_name": recipient, "sender_name": sender}
        if self.postal_code:
            values["postal_code"] = self.postal_code
        return fill(text, values)


def digest_of(campaign: PublishedCampaign) -> str:
    """Return the digest of the message of ``campaign``, before anything is filled in."""
    text = f"{campaign.email_subject}\0{campaign.email_body}"
    return hashlib.sha256(text.encode()).hexdigest()[:32]
