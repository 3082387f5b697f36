"""Forms and queries of the pages of mail templates."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

#: PostgreSQL stores it in four bytes.
Number = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class TextForm(msgspec.Struct, frozen=True, kw_only=True):
    """A text, and the marks of the form that edits it.

    What is too long is said by the feature, together with every other mistake.
    """

    subject: str = ""
    text: str = ""
    version: str = ""
    seen: str = ""


class RestoreForm(msgspec.Struct, frozen=True, kw_only=True):
    """The version to restore, 0 for the text that the plugin ships, and the one in force."""

    number: Number
    version: Number


class VersionsQuery(msgspec.Struct, frozen=True, kw_only=True):
    """A page of the history, and the version whose changes are shown."""

    offset: Number = 0
    number: Number | None = None
