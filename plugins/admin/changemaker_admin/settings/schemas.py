"""Forms and queries of the pages of settings.

The fields of a group are not known here: ``values`` reads them.
"""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from changemaker_core import Upload

#: What the database's integers can hold.
Version = Annotated[int, Meta(ge=0, le=2**31 - 1)]
#: Bytes of a picture, and of a request that brings one.
MOST_BYTES = 30_000_000


class GroupForm(msgspec.Struct, frozen=True, kw_only=True):
    """The marks of a form that edits a group, beside its fields."""

    version: str = ""
    seen: str = ""


class PictureForm(msgspec.Struct, frozen=True, kw_only=True):
    """A picture, or that there is to be none."""

    picture: Annotated[Upload, Meta(extra={"max_bytes": MOST_BYTES})] | None = None
    remove: bool = False


class RestoreForm(msgspec.Struct, frozen=True, kw_only=True):
    """The version to return to, and the one that the page shows as the present one."""

    to: Version
    version: Version


class HistoryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The version to begin below."""

    before: Version | None = None


class LookQuery(msgspec.Struct, frozen=True, kw_only=True):
    """Colours that are not saved."""

    brand: Annotated[str, Meta(max_length=20)] | None = None
    accent: Annotated[str, Meta(max_length=20)] | None = None
