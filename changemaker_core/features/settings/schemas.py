"""Settings as the API shows and takes them."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

import msgspec
from msgspec import Meta

from changemaker_core import Body

#: What the database's integers can hold.
VersionNumber = Annotated[int, Meta(ge=0, le=2**31 - 1)]


class FieldOut(msgspec.Struct, frozen=True, kw_only=True):
    """One setting. ``value`` is what counts now, null for a secret, which ``is_set`` or not.

    ``locked`` is where the operator has set it; it cannot be changed then. ``problem`` is why its
    default is used in place of what is stored. ``schema`` is the JSON Schema of its values.
    """

    name: str
    label: str
    help: str
    section: str
    kind: str
    value: Any
    default: Any
    is_set: bool
    locked: str | None
    public: bool
    choices: list[Any] | None
    schema: dict[str, Any]
    problem: str | None


class GroupOut(msgspec.Struct, frozen=True, kw_only=True):
    """A group of settings. ``version`` is 0 where nothing was ever set. ``recent_sign_in`` is
    whether who changes it must have signed in within 15 minutes."""

    name: str
    label: str
    help: str
    version: int
    changed_at: datetime | None
    changed_by: str | None
    recent_sign_in: bool
    fields: list[FieldOut]


class Groups(msgspec.Struct, frozen=True):
    """All groups, in their order."""

    data: list[GroupOut]


class PublicSettings(msgspec.Struct, frozen=True):
    """The values that everybody may see, by group and field."""

    data: dict[str, dict[str, Any]]


class ChangeSettings(Body, frozen=True, kw_only=True):
    """Values by field; null takes a field back to its default.

    ``version`` is the one that was edited: where it is not the current one, nothing is changed.
    """

    values: dict[str, Any]
    version: VersionNumber | None = None


class RollBack(Body, frozen=True, kw_only=True):
    """The version to return to; 0 stands for the defaults."""

    to: VersionNumber
    version: VersionNumber | None = None


class HistoryQuery(msgspec.Struct, frozen=True, kw_only=True):
    """How many versions, and the one to begin below."""

    limit: Annotated[int, Meta(ge=1, le=100)] = 50
    before: VersionNumber | None = None


class FieldChange(msgspec.Struct, frozen=True):
    """What a version changed of a field. Of a secret only whether it was set is shown."""

    field: str
    label: str
    before: Any
    after: Any


class VersionOut(msgspec.Struct, frozen=True, kw_only=True):
    """One version: when, by whom, and what it changed."""

    version: int
    changed_at: datetime
    changed_by: str
    restores: int | None
    changes: list[FieldChange]


class History(msgspec.Struct, frozen=True):
    """Versions, the latest first. ``next`` is the ``before`` of the next page."""

    data: list[VersionOut]
    next: int | None


class ImageOut(msgspec.Struct, frozen=True):
    """The path of a stored picture: the value of a setting of the kind ``image``."""

    path: str
