"""The texts that organisers write in place of those that plugins come with."""

from __future__ import annotations

import peewee

from changemaker_core import Model, UtcField, UUIDField, new_id


class Version(Model):
    """One version of a mail's text in one language. None is changed: each change adds one, so that
    the last one is in force and the others are the history, of which the oldest end.

    ``subject`` and ``text`` are null where the change was to go back to the text that the plugin
    comes with. ``shipped_hash`` is that of the plugin's text at the time.
    """

    id = UUIDField(primary_key=True, default=new_id)
    name = peewee.CharField(max_length=100)
    language = peewee.CharField(max_length=16)
    number = peewee.IntegerField()
    subject = peewee.TextField(null=True)
    text = peewee.TextField(null=True)
    shipped_hash = peewee.CharField(max_length=64)
    is_current = peewee.BooleanField(default=True)
    #: The number of the version that this one restores.
    restores = peewee.IntegerField(null=True)
    changed_at = UtcField()
    changed_by = peewee.CharField(max_length=200)
    changed_by_id = peewee.CharField(max_length=64)

    class Meta:
        table_name = "mailtemplates_version"
        not_personal = ("name",)
        indexes = (
            (("name", "language", "number"), True),
            (("is_current", "name", "language"), False),
        )
