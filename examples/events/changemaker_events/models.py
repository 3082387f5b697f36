"""Events, and who has signed up."""

from __future__ import annotations

import peewee

from changemaker_core import Model, UtcField, UUIDField, new_id


class Event(Model):
    """``taken`` counts sign-ups, so that one statement takes a place or finds none."""

    id = UUIDField(primary_key=True, default=new_id)
    slug = peewee.CharField(max_length=100, unique=True)
    title = peewee.CharField(max_length=200)
    place = peewee.CharField(max_length=200)
    description = peewee.TextField(default="")
    starts_at = UtcField()
    capacity = peewee.IntegerField()
    taken = peewee.IntegerField(default=0)
    poster = peewee.CharField(max_length=120, default="")
    created_at = UtcField()

    class Meta:
        table_name = "events_event"
        indexes = ((("starts_at", "id"), False),)


class SignUp(Model):
    """One person for one event."""

    id = UUIDField(primary_key=True, default=new_id)
    event = peewee.ForeignKeyField(Event, lazy_load=False, on_delete="CASCADE", index=False)
    name = peewee.CharField(max_length=200)
    email = peewee.CharField(max_length=254)
    locale = peewee.CharField(max_length=8)
    created_at = UtcField()
    reminded_at = UtcField(null=True)

    class Meta:
        table_name = "events_sign_up"
        indexes = ((("event", "email"), True), (("event", "id"), False))
