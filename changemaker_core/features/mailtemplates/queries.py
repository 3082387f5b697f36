"""Queries of the versions of mail templates."""

from __future__ import annotations

from datetime import datetime

import msgspec

from changemaker_core import Query, compiled
from changemaker_core.features.mailtemplates.models import Version


class Stored(msgspec.Struct, frozen=True, kw_only=True):
    """A version. ``subject`` and ``text`` are ``None`` where it goes back to the shipped text."""

    name: str
    language: str
    number: int
    subject: str | None
    text: str | None
    shipped_hash: str
    restores: int | None
    changed_at: datetime
    changed_by: str


@compiled(Stored)
def current_versions(name: str | None = None) -> Query:
    """The versions in force: of one template, or of all."""
    query = _versions().where(Version.is_current == True)  # noqa: E712  # SQL
    if name is not None:
        query = query.where(Version.name == name)
    return query.order_by(Version.name, Version.language)


@compiled(Stored)
def versions(name: str, language: str, limit: int = 50, offset: int = 0) -> Query:
    """The versions of a template in a language, the last one first."""
    return (
        _versions()
        .where(Version.name == name, Version.language == language)
        .order_by(Version.number.desc())
        .limit(limit)
        .offset(offset)
    )


@compiled(Stored)
def version(name: str, language: str, number: int) -> Query:
    """One version."""
    return _versions().where(
        Version.name == name, Version.language == language, Version.number == number
    )


def _versions() -> Query:
    return Version.select(
        Version.name,
        Version.language,
        Version.number,
        Version.subject,
        Version.text,
        Version.shipped_hash,
        Version.restores,
        Version.changed_at,
        Version.changed_by,
    )
