"""All that Redis is used for: second cache level, shared limits, tickets, RQ workers.

RQ carries tickets, never work: a ticket says «look into this queue of the outbox», and the row's
lease decides who does what. A ticket that is duplicated, lost or stale is harmless. Modules here
are imported only where a ``redis_url`` is configured.
"""
