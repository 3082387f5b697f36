"""The tables of settings: what is set now, and every version of it."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any, Final

import msgspec
import peewee

from changemaker_core.db import JSONField, Model, Query, UtcField, UUIDField, compiled, new_id
from changemaker_core.identity.origin import Origin, current_origin

if TYPE_CHECKING:
    from changemaker_core.identity import Actor


class CoreSettings(Model):
    """What is set in a group at present; a group of which nothing was ever set has no row.

    ``data`` has the fields that were set, as JSON; a secret is ``{"sealed": token}``.
    ``changed_by`` is the id of a user, empty for the command line; ``changed_by_name`` what that
    user was called at the time.
    """

    name = peewee.CharField(max_length=80, primary_key=True)
    version = peewee.IntegerField()
    data = JSONField()
    changed_at = UtcField()
    changed_by = peewee.CharField(max_length=64)
    changed_by_name = peewee.CharField(max_length=200)

    class Meta:
        table_name = "core_settings"
        not_personal = ("name",)


class CoreSettingsVersion(Model):
    """One version of a group, as ``CoreSettings`` had it. ``restores`` is the version that it
    brought back, if any."""

    id = UUIDField(primary_key=True, default=new_id)
    name = peewee.CharField(max_length=80)
    version = peewee.IntegerField()
    data = JSONField()
    changed_at = UtcField()
    changed_by = peewee.CharField(max_length=64)
    changed_by_name = peewee.CharField(max_length=200)
    restores = peewee.IntegerField(null=True)

    class Meta:
        table_name = "core_settings_version"
        not_personal = ("name",)
        indexes = ((("name", "version"), True),)


#: What changes with each change of a setting.
TABLE: Final = CoreSettings._meta.table_name


class StoredGroup(msgspec.Struct, frozen=True):
    """What is set in a group, and who set it last."""

    name: str
    version: int
    data: dict[str, Any]
    changed_at: datetime
    changed_by: str
    changed_by_name: str


def author_of(actor: Actor | None) -> str:
    """Return the name of who changes settings: a person, or who called a command."""
    if actor is not None and actor.kind != "system":
        return actor.name
    cause = current_origin.get()
    return Origin("command").author if cause is None else cause.origin.author


@compiled(StoredGroup)
def stored_groups() -> Query:
    """Return what is set in every group."""
    return CoreSettings.select_for(StoredGroup).order_by(CoreSettings.name)
