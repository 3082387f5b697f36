"""Waking the executors of other machines through Redis and RQ.

RQ carries tickets, never work: a ticket says «look into the outbox», and the row's lease decides
who does what. A ticket that is doubled, lost or stale is harmless. Imported only where a
``redis_url`` is configured.
"""
