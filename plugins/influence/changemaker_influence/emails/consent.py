"""What a sender agrees to. A change of the wording is a new version."""

from __future__ import annotations

from typing import Final

from changemaker_core import Text

CONSENT_VERSION: Final = "1"
CONSENT: Final = Text(
    "I agree that my name, my email address and my postal code are sent with my message to the "
    "recipients that I chose, and that they are stored so that the message can be delivered."
)
PLEASE_AGREE: Final = Text("Please agree, so that your message can be sent.")
