"""The table of pledges."""

from __future__ import annotations

import peewee

from changemaker_core import Model, UtcField, UUIDField, new_id


class Pledge(Model):
    """One person's promise to come."""

    id = UUIDField(primary_key=True, default=new_id)
    name = peewee.CharField(max_length=200)
    email = peewee.CharField(max_length=254, unique=True)
    created_at = UtcField()

    class Meta:
        table_name = "pledges_pledge"
