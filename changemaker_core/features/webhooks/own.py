"""The event of this feature's own: a test, which a person sends to see that an endpoint works."""

from __future__ import annotations

from typing import Final

import msgspec

from changemaker_core import Text
from changemaker_core.features.webhooks.declarations import WebhookEvent


class TestSent(msgspec.Struct, frozen=True, kw_only=True):
    """The webhook that the test is sent to."""

    webhook_id: str


TEST: Final = WebhookEvent("webhooks.test", TestSent, Text("A person tests this webhook"))
