"""What other programs are notified of about accounts: that there is one more, by its id."""

from __future__ import annotations

from typing import Final

import msgspec

from changemaker_core import Text, WebhookEvent


class UserCreated(msgspec.Struct, frozen=True, kw_only=True):
    """A user, by the id that ``/api/users`` has."""

    user_id: str


USER_CREATED: Final = WebhookEvent(
    "accounts.user.created", UserCreated, Text("An account is created")
)
