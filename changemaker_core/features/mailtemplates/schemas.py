"""Bodies and responses of mail templates."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Literal

import msgspec
from msgspec import Meta

from changemaker_core import Body, ListQuery, MultiLine, SingleLine
from changemaker_core.features.mailtemplates.language import LONGEST_SUBJECT, LONGEST_TEXT
from changemaker_core.features.mailtemplates.variables import VariableKind

Subject = Annotated[SingleLine, Meta(max_length=LONGEST_SUBJECT)]
Lines = Annotated[MultiLine, Meta(max_length=LONGEST_TEXT)]
#: PostgreSQL stores it in four bytes.
Number = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class NewText(Body, frozen=True, kw_only=True):
    """A text, and the version that it takes the place of: 0 where there was none."""

    subject: Subject
    text: Lines
    version: Number


class Draft(Body, frozen=True, kw_only=True):
    """A text that is not saved; without one, the text in force."""

    subject: Subject | None = None
    text: Lines | None = None


class Rollback(Body, frozen=True, kw_only=True):
    """The version to restore, and the one that is in force."""

    number: Number
    version: Number


class ResetQuery(msgspec.Struct, frozen=True, kw_only=True):
    """The version that is given up; without it, whichever is in force."""

    version: Number | None = None


class VersionsQuery(ListQuery, frozen=True, kw_only=True):
    """A page of the history."""


class ListedLanguage(msgspec.Struct, frozen=True, kw_only=True):
    """A template in one language. ``mistakes`` say why a text of the site's own is not sent."""

    language: str
    source: Literal["own", "shipped"]
    version: int
    changed_at: datetime | None
    changed_by: str
    shipped_changed: bool
    mistakes: list[str]


class ListedTemplate(msgspec.Struct, frozen=True, kw_only=True):
    """A template, for lists."""

    name: str
    plugin: str
    category: str
    title: str
    description: str
    languages: list[ListedLanguage]


class ListedVariable(msgspec.Struct, frozen=True, kw_only=True):
    """A variable. ``required`` says why the text must contain it; empty where it need not."""

    name: str
    description: str
    kind: VariableKind
    sample: str
    required: str


class TextOut(msgspec.Struct, frozen=True, kw_only=True):
    """A subject and a text, as they are written."""

    subject: str
    text: str


class TemplateOut(ListedLanguage, frozen=True, kw_only=True):
    """A template in one language, with all that an editor shows. ``recent_sign_in`` is whether who
    changes it must have signed in within 15 minutes."""

    name: str
    recent_sign_in: bool
    category: str
    title: str
    description: str
    subject: str
    text: str
    shipped: TextOut
    variables: list[ListedVariable]


class VersionOut(msgspec.Struct, frozen=True, kw_only=True):
    """A version. ``source`` is ``shipped`` where the site went back to the shipped text."""

    number: int
    source: Literal["own", "shipped"]
    restores: int | None
    changed_at: datetime
    changed_by: str


class VersionDetail(VersionOut, frozen=True, kw_only=True):
    """A version with its text, and what it changed: lines that begin with ``-`` and ``+``."""

    subject: str
    text: str
    changes: list[str]


class Preview(msgspec.Struct, frozen=True, kw_only=True):
    """A mail with samples in place of values."""

    subject: str
    text: str
    html: str


class SentTest(msgspec.Struct, frozen=True, kw_only=True):
    """The address that the test goes to, and the job that sends it."""

    to: str
    job_id: str
