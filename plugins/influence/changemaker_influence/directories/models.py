"""What directories answered, and how often they were asked."""

from __future__ import annotations

import peewee

from changemaker_core import JSONField, Model, UtcField


class PostalCode(Model):
    """A directory's last answer about a postal code."""

    directory = peewee.CharField(max_length=64)
    code = peewee.CharField(max_length=100)
    answer = JSONField()
    cached_at = UtcField()

    class Meta:
        table_name = "influence_postal_code"
        primary_key = peewee.CompositeKey("directory", "code")


class LookupCount(Model):
    """Lookups answered so far, by where the answer came from."""

    source = peewee.CharField(max_length=16, primary_key=True)
    count = peewee.BigIntegerField()

    class Meta:
        table_name = "influence_lookup_count"
