"""Forms of the pages for operators."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from changemaker_core import SingleLine
from changemaker_core.features.operations.api import LONGEST_NOTE


class NoFields(msgspec.Struct, frozen=True):
    """A form of one button."""


class HoldForm(msgspec.Struct, frozen=True, kw_only=True):
    """Why a queue is held, for those who find it so."""

    note: Annotated[SingleLine, Meta(max_length=LONGEST_NOTE)] = ""
