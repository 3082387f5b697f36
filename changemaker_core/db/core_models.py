"""Core's own tables, as models: what ``changemaker_core/migrations`` must make."""

from __future__ import annotations

import peewee

from changemaker_core.db.model import Model
from changemaker_core.db.tracking.models import defined_models


class TableVersion(Model):
    """When a table was last written: the number of the commit. ``sqlite/versions.py`` uses it."""

    name = peewee.CharField(primary_key=True)
    version = peewee.BigIntegerField()

    class Meta:
        table_name = "core_table_version"
        not_personal = ("name",)


TableVersion.add_index(TableVersion.version, name="core_table_version_version")


def core_models() -> list[type[peewee.Model]]:
    """Return the models of the tables ``core_…`` that core's rooms define."""
    return [
        model
        for model in defined_models()
        if model.__module__.startswith("changemaker_core.")
        and model._meta.table_name.startswith("core_")
    ]
