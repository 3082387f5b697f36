"""Raising the limit of a network for some time."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import msgspec

from changemaker_core import Query, compiled
from changemaker_influence.networks.models import RaisedLimit

if TYPE_CHECKING:
    from changemaker_core import Tx

#: A limit is raised for an event, not for good.
LONGEST: Final = timedelta(days=31)


class Raised(msgspec.Struct, frozen=True, kw_only=True):
    """A network from which ``people`` may write in an hour, until a time."""

    network: str
    people: int
    until: datetime


@compiled(Raised)
def raised_limit(network: str, now: datetime) -> Query:
    """Return the raised limit of a network, where it has one at ``now``."""
    raised = (RaisedLimit.network == network) & (RaisedLimit.until > now)
    return RaisedLimit.select_for(Raised).where(raised)


@compiled(Raised)
def raised_limits(now: datetime) -> Query:
    """Return the networks whose limit is raised at ``now``."""
    query = RaisedLimit.select_for(Raised).where(RaisedLimit.until > now)
    return query.order_by(RaisedLimit.network)


def raise_limit(tx: Tx, raised: Raised) -> None:
    """Let more people write from a network until a time; the last call for a network counts."""
    RaisedLimit.delete().where(RaisedLimit.until <= tx.now).execute()
    values = {RaisedLimit.people: raised.people, RaisedLimit.until: raised.until}
    RaisedLimit.insert({RaisedLimit.network: raised.network, **values}).on_conflict(
        conflict_target=[RaisedLimit.network], update=values
    ).execute()
    fields = {"people": raised.people, "until": raised.until}
    _audit(tx, "raised", raised.network, after=fields)


def reset_limit(tx: Tx, network: str) -> bool:
    """Return whether the limit of a network was raised, and is not any more."""
    if not RaisedLimit.delete().where(RaisedLimit.network == network).execute():
        return False
    _audit(tx, "reset", network)
    return True


def _audit(tx: Tx, what: str, network: str, **fields: Any) -> None:
    """Record a change. A network may be one person's address: it stands where it can be erased."""
    tx.audit(f"influence.limit.{what}", "", label=network, person=network, **fields)
