"""A campaign's message as somebody reads it before it is sent."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from changemaker_core import Text
from changemaker_core.web.filters import mailto
from changemaker_influence.emails.placeholders import fill

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_influence.campaigns.queries import CampaignView

    Translate = Callable[[str, str], str]

#: What stands for a placeholder while its value is not known.
_RECIPIENT = Text("[name of the recipient]")
_SENDER = Text("[your name]")


@dataclass(frozen=True, slots=True)
class Letter:
    """The message of ``campaign`` to a reader at ``postal_code``, which may be empty."""

    campaign: CampaignView
    postal_code: str
    translate: Translate

    @property
    def subject(self) -> str:
        """To read, or to edit where the campaign allows it: then placeholders stay."""
        return self._shown(self.campaign.email_subject)

    @property
    def body(self) -> str:
        """As ``subject``."""
        return self._shown(self.campaign.email_body)

    def mailto(self, email: str, name: str) -> str:
        """The address that opens the message to ``email`` in a mail program."""
        subject = self._filled(self.campaign.email_subject, name)
        return mailto(email, subject, self._filled(self.campaign.email_body, name))

    def _shown(self, text: str) -> str:
        if self.campaign.allow_email_editing:
            return text
        return self._filled(text, self._say(_RECIPIENT))

    def _filled(self, text: str, recipient: str) -> str:
        values = {"recipient_name": recipient, "sender_name": self._say(_SENDER)}
        if self.postal_code:
            values["postal_code"] = self.postal_code
        return fill(text, values)

    def _say(self, text: Text) -> str:
        return self.translate(text, self.campaign.language)
