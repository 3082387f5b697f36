"""Reads of settings: what is stored of a group, and its versions."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import msgspec

from changemaker_core import Query, compiled
from changemaker_core.settings.stored import CoreSettings, CoreSettingsVersion, StoredGroup


class Version(msgspec.Struct, frozen=True):
    """One version of a group as it is stored."""

    name: str
    version: int
    data: dict[str, Any]
    changed_at: datetime
    changed_by: str
    changed_by_name: str
    restores: int | None


@compiled(StoredGroup)
def stored_group(name: str) -> Query:
    """Return what is set in a group."""
    return CoreSettings.select_for(StoredGroup).where(CoreSettings.name == name)


class GroupName(msgspec.Struct, frozen=True):
    """A group of which something is stored."""

    name: str


@compiled(GroupName)
def group_names() -> Query:
    """Return the groups of which something is stored, in the order of their names."""
    return CoreSettings.select_for(GroupName).order_by(CoreSettings.name)


@compiled(Version)
def versions(name: str, before: int, limit: int = 50) -> Query:
    """Return the versions of a group before a number, the latest first."""
    found = CoreSettingsVersion.select_for(Version).where(
        CoreSettingsVersion.name == name, CoreSettingsVersion.version < before
    )
    return found.order_by(CoreSettingsVersion.version.desc()).limit(limit)


@compiled(Version)
def version(name: str, number: int) -> Query:
    """Return one version of a group."""
    return CoreSettingsVersion.select_for(Version).where(
        CoreSettingsVersion.name == name, CoreSettingsVersion.version == number
    )


@compiled(Version)
def all_versions() -> Query:
    """Return the versions of all groups."""
    return CoreSettingsVersion.select_for(Version).order_by(
        CoreSettingsVersion.name, CoreSettingsVersion.version
    )
