"""Requests and responses of the API about translations of campaigns."""

from __future__ import annotations

from datetime import datetime  # Structs read it when they run
from typing import Annotated

import msgspec
from msgspec import UNSET, Meta, UnsetType

from changemaker_core import Body, MultiLine, SingleLine

_Line = Annotated[SingleLine, Meta(max_length=200)]
_Prose = Annotated[MultiLine, Meta(max_length=20_000)]


class TranslationChange(Body, frozen=True):
    """Texts of a campaign in another language; those that are left out stay as they are.

    An empty text is removed. ``version`` is the one that was edited: the change is refused where
    another one is stored.
    """

    title: _Line | UnsetType = UNSET
    description: _Prose | UnsetType = UNSET
    call_to_action: Annotated[SingleLine, Meta(max_length=500)] | UnsetType = UNSET
    cover_photo_alt: Annotated[SingleLine, Meta(max_length=300)] | UnsetType = UNSET
    email_subject: _Line | UnsetType = UNSET
    email_body: _Prose | UnsetType = UNSET
    thank_you: _Prose | UnsetType = UNSET
    version: str | UnsetType = UNSET


class TranslatedText(msgspec.Struct, frozen=True, kw_only=True):
    """A text of a campaign and its translation.

    ``original`` is what the campaign says now. ``translated_from`` is what it said when ``text``
    was written; ``is_outdated`` says whether the two differ. ``is_missing``: there is an original,
    and no translation.
    """

    field: str
    original: str
    text: str
    translated_from: str
    is_missing: bool
    is_outdated: bool


class Translation(msgspec.Struct, frozen=True, kw_only=True):
    """A campaign in another language than its own.

    ``is_offered`` says whether readers see it: once it has a title, a subject and a body.
    """

    language: str
    is_offered: bool
    version: str
    updated_at: datetime | None
    updated_by: str | None
    texts: list[TranslatedText]
