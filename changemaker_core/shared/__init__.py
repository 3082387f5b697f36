"""All that Redis is used for: second cache level, shared limits, tickets, RQ workers.

==================  ================================================================
``connection``      a client of a Redis or Valkey server, from its URL
``optional_redis``  calls that the site can do without, behind a circuit breaker
``second_level``    cached responses that machines share
``windows``         rate limits that processes and machines share
``tickets``         a thread of each web process, which enqueues tickets for workers
``worker``          the RQ worker of `changemaker worker`, which takes tickets
``work_horse``      what its child process does with a ticket
==================  ================================================================

RQ carries tickets, never work: a ticket says "look into this queue of the outbox", and the lease of
each row decides which process runs it. A ticket that is duplicated, lost or stale is harmless.
These modules are imported only where a ``redis_url`` is configured.
"""
