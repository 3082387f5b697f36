"""The jobs: a note is published once, and delivered to each peer in its lane."""

from __future__ import annotations

import threading
from datetime import timedelta
from http import HTTPStatus

import msgspec

from changemaker_core import Job, JobRun, RetryPolicy, Site
from changemaker_core.outgoing import Breaker, BreakerOpen, OutgoingError, OutgoingSync
from changemaker_relay import services, signatures
from changemaker_relay.config import RelayConfig
from changemaker_relay.queries import note as find_note
from changemaker_relay.schemas import NoteIn

PATH = "/api/relay/notes"


class Deliveries:
    """The clients of this process, one for each peer, and the jobs that use them."""

    def __init__(self, site: Site) -> None:
        self._config = site.config_of(RelayConfig)
        self._origin = site.config.base_url
        self._clients: dict[str, OutgoingSync] = {}
        self._lock = threading.Lock()

    def jobs(self) -> list[Job]:
        """Return the jobs. A peer may be away for a week; while it is, its lane waits."""
        patient = RetryPolicy(
            initial=timedelta(seconds=1),
            maximum=timedelta(minutes=5),
            deadline=timedelta(days=7),
        )
        return [
            Job(services.PUBLISH, self.publish),
            Job(services.DELIVER, self.deliver, queue="relay", retries=patient),
        ]

    def publish(self, run: JobRun, text: str) -> None:
        """Store a note of this site and enqueue its deliveries, in one transaction."""
        run.done(services.record_own, self._origin, self._config.peers, text)

    def deliver(self, run: JobRun, peer: str, number: int) -> None:
        """Send one note to one peer. It may arrive twice, and is received once."""
        note = run.site.db.sync.one(find_note(origin=self._origin, number=number))
        if note is None or peer not in self._config.peers:
            return
        body = msgspec.json.encode(NoteIn(number=note.number, text=note.text))
        key, now = self._config.key.reveal(), run.site.clock().timestamp()
        signed = signatures.headers(key, peer + PATH, self._origin, now, body)
        headers = {**signed, "Content-Type": "application/json"}
        try:
            response = self._client(peer).request("POST", PATH, headers=headers, content=body)
        except BreakerOpen as is_open:
            run.retry(str(is_open), after=is_open.retry_after)
        except OutgoingError as error:
            run.retry(str(error))
        else:
            if response.status != HTTPStatus.OK:  # redirects are not followed
                # Every later note would be refused as well: the peer must be put right first.
                run.retry(f"{peer} responded with {response.status}", after=response.retry_after)

    def _client(self, peer: str) -> OutgoingSync:
        with self._lock:
            if peer not in self._clients:
                self._clients[peer] = OutgoingSync(
                    peer,
                    public_only=self._config.public_only,
                    breaker=Breaker(peer, pause=timedelta(seconds=2)),
                )
            return self._clients[peer]
