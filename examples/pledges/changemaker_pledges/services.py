"""Adding pledges."""

from __future__ import annotations

from datetime import timedelta

from changemaker_core import SlidingWindow, Tx, new_id
from changemaker_core.mail import canonical_email
from changemaker_pledges import queries
from changemaker_pledges.models import Pledge
from changemaker_pledges.schemas import NewPledge, PledgeOut

#: The page sends mail to any address that a visitor types, so the number per visitor is limited.
PER_VISITOR = SlidingWindow("pledges.visitor", 10, timedelta(hours=1))


def pledge(tx: Tx, new: NewPledge, locale: str, visitor: str | None = None) -> PledgeOut:
    """Return the pledge of the address in ``new``, added now unless it exists.

    A new pledge is thanked by mail. Raises ``LimitReached`` after a visitor's 10th in an hour.
    """
    if visitor is not None:
        PER_VISITOR.take(tx, visitor)
    email, id = canonical_email(new.email), new_id()
    Pledge.insert(new, id=id, email=email, created_at=tx.now).on_conflict_ignore().execute()
    stored = queries.pledge_by_email(email=email).get()
    if stored.id == id:
        tx.enqueue("pledges.thank", {"pledge_id": id, "locale": locale})
    return stored
