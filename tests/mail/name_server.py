"""A name server on loopback, for look-ups whose results a test writes."""

from __future__ import annotations

import socket
import threading
from typing import TYPE_CHECKING

import dns.flags
import dns.message
import dns.rcode
import dns.resolver
import dns.rrset

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence


class NameServer:
    """Serves ``records``, ``{("parks.org", "TXT"): ['"v=spf1 -all"']}``, over UDP.

    Every other name does not exist. ``fails`` makes it respond with SERVFAIL; ``hangs``, not at
    all. ``asked`` are the names that were looked up.
    """

    def __init__(
        self,
        records: Mapping[tuple[str, str], Sequence[str]],
        *,
        fails: bool = False,
        hangs: bool = False,
    ) -> None:
        self._records = {(f"{name}.", kind): texts for (name, kind), texts in records.items()}
        self._names = {name for name, _ in self._records}
        self._fails, self._hangs = fails, hangs
        self.asked: list[str] = []
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind(("127.0.0.1", 0))
        self._thread = threading.Thread(target=self._serve, name="name server", daemon=True)

    def __enter__(self) -> NameServer:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def resolver(self) -> dns.resolver.Resolver:
        """A resolver that asks this server alone."""
        resolver = dns.resolver.Resolver(configure=False)
        resolver.nameservers = ["127.0.0.1"]
        resolver.port = self._socket.getsockname()[1]
        return resolver

    def _serve(self) -> None:
        while request := self._socket.recvfrom(4096):
            wire, client = request
            if not wire:
                return
            if not self._hangs:
                self._socket.sendto(self._response(wire), client)

    def _response(self, wire: bytes) -> bytes:
        query = dns.message.from_wire(wire)
        question = query.question[0]
        name, kind = question.name.to_text().lower(), dns.rdatatype.to_text(question.rdtype)
        self.asked.append(name)
        response = dns.message.make_response(query)
        response.flags |= dns.flags.AA | dns.flags.RA
        if self._fails:
            response.set_rcode(dns.rcode.SERVFAIL)
        elif texts := self._records.get((name, kind)):
            response.answer.append(dns.rrset.from_text(question.name, 60, "IN", kind, *texts))
        elif name not in self._names:
            response.set_rcode(dns.rcode.NXDOMAIN)
        return response.to_wire(max_size=65535)
