"""A campaign's message as a visitor reads it before sending it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from changemaker_core import Text
from changemaker_influence.campaigns.placeholders import fill
from changemaker_influence.emails.links import mailto

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_influence.campaigns.queries import PublishedCampaign

    Translate = Callable[[str, str], str]

#: Stand for placeholders whose values are not known yet.
_RECIPIENT = Text("[name of the recipient]")
_SENDER = Text("[your name]")


@dataclass(frozen=True, slots=True)
class MessagePreview:
    """The message of ``campaign`` for a visitor at ``postal_code``, which may be empty."""

    campaign: PublishedCampaign
    postal_code: str
    translate: Translate

    @property
    def subject(self) -> str:
        """The subject; with its placeholders where the visitor may edit it."""
        return self._text(self.campaign.email_subject)

    @property
    def body(self) -> str:
        """The body; with its placeholders where the visitor may edit it."""
        return self._text(self.campaign.email_body)

    def mailto(self, email: str, name: str) -> str:
        """Return the link that opens the message to ``email`` in the visitor's email app."""
        subject = self._filled(self.campaign.email_subject, name)
        return mailto(email, subject, self._filled(self.campaign.email_body, name))

    def _text(self, text: str) -> str:
        if self.campaign.allow_email_editing:
            return text
        return self._filled(text, self.translate(_RECIPIENT, self.campaign.language))

    def _filled(self, text: str, recipient: str) -> str:
        sender = self.translate(_SENDER, self.campaign.language)
        values = {"recipient_name": recipient, "sender_name": sender}
        if self.postal_code:
            values["postal_code"] = self.postal_code
        return fill(text, values)
