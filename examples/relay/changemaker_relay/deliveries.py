"""The jobs: a note is published once, and delivered to each peer in its lane."""

from __future__ import annotations

import threading
from datetime import timedelta
from http import HTTPStatus

import msgspec

from changemaker_core import Interval, Job, JobRun, RetryPolicy, Site
from changemaker_core.outgoing import Breaker, BreakerOpen, OutgoingError, OutgoingSync
from changemaker_relay import services, signatures
from changemaker_relay.config import RelayConfig
from changemaker_relay.queries import notes_between
from changemaker_relay.schemas import NoteIn, NoteOut, Received

PATH = "/api/relay/notes"


#: Statuses with which a peer refuses one note, and not the site that sends it.
_OF_THE_NOTE = frozenset({400, 409, 413, 422})


class NotReceived(Exception):
    """The peer responded, and has not received the note."""

    def __init__(self, reason: str, after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.after = after


class NoteRefused(Exception):
    """The peer has received the note and does not want it, now or later."""


class Deliveries:
    """The clients of this process, one for each peer, and the jobs that use them."""

    def __init__(self, site: Site) -> None:
        self._config = site.config_of(RelayConfig)
        self._origin = site.config.base_url
        self._clock = site.clock
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
            Job("relay.catch_up", self.catch_up, schedule=Interval(timedelta(days=1))),
        ]

    def publish(self, run: JobRun, text: str) -> None:
        """Store a note of this site and enqueue its deliveries, in one transaction."""
        run.done(services.record_own, self._origin, self._config.peers, text)

    def catch_up(self, run: JobRun) -> None:
        """Bring up to date, once a day, a peer that was given up or was added."""
        run.done(services.catch_up, self._origin, self._config.peers)

    def deliver(self, run: JobRun, peer: str, number: int) -> None:
        """Send a note to a peer, and before it those that the peer turns out to lack.

        It lacks some where their deliveries were given up, or where it was not always a peer. A
        note may arrive twice, and is received once.
        """
        if peer not in self._config.peers:
            run.dead(f"{peer} is no peer any more")
            return
        try:
            self._send_up_to(run, peer, number)
        except NoteRefused as refused:
            run.dead(str(refused))
        except BreakerOpen as is_open:
            run.retry(str(is_open), after=is_open.retry_after)
        except NotReceived as refused:
            # Every later note would be refused as well: the peer must be put right first.
            run.retry(str(refused), after=refused.after)
        except OutgoingError as error:
            run.retry(str(error))

    def _send_up_to(self, run: JobRun, peer: str, number: int) -> None:
        """Send note ``number``. Where the peer lacks notes before it, go back to those, once.

        What is gone here, or is refused there, is left out; the job's progress says so.
        """
        at = has = number - 1  # the last note that was dealt with, and the last that the peer has
        went_back, lost = False, list[int]()
        while waiting := run.site.db.sync.all(
            notes_between(origin=self._origin, after=at, up_to=number)
        ):
            for note in waiting:
                run.stop_if_asked()
                try:
                    received = self._send(peer, note, after=has)
                except NoteRefused:
                    if note.number == number:
                        raise
                    lost += range(at + 1, note.number + 1)
                    at = note.number
                    continue
                if received < note.number:
                    if went_back or received >= has:
                        raise NotReceived(f"{peer} has note {received}, and refuses the next one")
                    at = has = received
                    went_back = True
                    break
                lost += range(at + 1, note.number)
                at = has = note.number
                if went_back:
                    run.progress(at, number, _named(lost))
        if at < number:
            raise NoteRefused(f"note {number} is not here any more, and {peer} does not get it")

    def _send(self, peer: str, note: NoteOut, after: int) -> int:
        """Send one note; return the number of the last one that the peer then has."""
        body = msgspec.json.encode(NoteIn(number=note.number, after=after, text=note.text))
        key, now = self._config.key.reveal(), self._clock().timestamp()
        signed = signatures.headers(key, peer + PATH, self._origin, now, body)
        headers = {**signed, "Content-Type": "application/json"}
        response = self._client(peer).request("POST", PATH, headers=headers, content=body)
        if response.status != HTTPStatus.OK:  # redirects are not followed
            reason = f"{peer} responded to note {note.number} with {response.status}"
            if response.status in _OF_THE_NOTE:
                raise NoteRefused(reason)
            raise NotReceived(reason, response.retry_after)
        try:
            return msgspec.json.decode(response.body, type=Received).number
        except msgspec.DecodeError as error:
            raise NotReceived(f"{peer} responded with something else: {error}") from error

    def _client(self, peer: str) -> OutgoingSync:
        with self._lock:
            if peer not in self._clients:
                self._clients[peer] = OutgoingSync(
                    peer,
                    public_only=self._config.public_only,
                    breaker=Breaker(peer, pause=timedelta(seconds=2)),
                )
            return self._clients[peer]


def _named(lost: list[int]) -> str:
    """Return numbers of lost notes as an operator reads them; empty where there are none."""
    if not lost:
        return ""
    shown = ", ".join(map(str, lost[:10])) + (", …" if len(lost) > 10 else "")
    return f"{len(lost)} lost: {shown}"
