"""Networks that have limits of their own."""

from __future__ import annotations

import peewee

from changemaker_core import Model, UtcField


class RaisedLimit(Model):
    """A network from which more people may write until a time, such as that of an event.

    ``network`` is what ``req.visitor`` is for the people in it.
    """

    network = peewee.CharField(max_length=64, primary_key=True)
    people = peewee.IntegerField()
    until = UtcField()

    class Meta:
        table_name = "influence_raised_limit"
