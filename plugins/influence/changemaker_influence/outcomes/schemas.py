"""Requests and responses of the API about the outcomes of messages."""

from __future__ import annotations

from typing import Literal, TypeAlias

import msgspec

from changemaker_core import Body

#: What became of a message whose outcome was unknown.
Outcome: TypeAlias = Literal["sent", "not_sent"]


class Settlement(Body, frozen=True):
    """Whether a message of unknown outcome was sent, as a person has found out."""

    outcome: Outcome


class Retried(msgspec.Struct, frozen=True, kw_only=True):
    """How many failed messages are being sent again."""

    messages: int
