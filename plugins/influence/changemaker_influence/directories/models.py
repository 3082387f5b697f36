"""Cached directory entries, and counts of lookups."""

from __future__ import annotations

import peewee

from changemaker_core import JSONField, Model, UtcField


class PostalCode(Model):
    """The last entry that a directory returned for a postal code."""

    directory = peewee.CharField(max_length=64)
    # The index is for erasures, which do not know which directory had the code.
    code = peewee.CharField(max_length=100, index=True)
    entry = JSONField()
    cached_at = UtcField()

    class Meta:
        table_name = "influence_postal_code"
        primary_key = peewee.CompositeKey("directory", "code")


class LookupCount(Model):
    """The number of lookups so far, by the source of the result."""

    source = peewee.CharField(max_length=16, primary_key=True)
    count = peewee.BigIntegerField()

    class Meta:
        table_name = "influence_lookup_count"
