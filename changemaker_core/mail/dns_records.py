"""What the DNS says about a domain's mail: looked up within a time, and read."""

from __future__ import annotations

import re
import time
from typing import TYPE_CHECKING, Any, Final

from changemaker_core.config.characters import visible_lines
from changemaker_core.diagnostics import TIMEOUT

if TYPE_CHECKING:
    from collections.abc import Iterator

    from dns.resolver import Resolver

#: Seconds for all look-ups together: without a network, each of them would wait.
DEADLINE: Final = 2 * TIMEOUT
#: RFC 7208, section 4.6.4: beyond these, receivers report an error in place of a result.
SPF_LOOKUPS: Final = 10
_LOOKS_UP: Final = re.compile(r"[+?~-]?(?:include|a|mx|ptr|exists)(?:[:/].*)?|redirect=.*")
_INCLUDED: Final = re.compile(r"(?:[+?~-]?include:|redirect=)(.+)")
_LONGEST: Final = 4_000


class CouldNotLook(Exception):
    """No name server gave a result; the text says why."""


class Dns:
    """Look-ups that take ``DEADLINE`` together. ``resolver``: by default this machine's own."""

    def __init__(self, resolver: Resolver | None = None, seconds: float = DEADLINE) -> None:
        self._resolver = resolver
        self._until = time.monotonic() + seconds

    def texts(self, name: str) -> list[str]:
        """Return the TXT records of ``name``; none where there is no such name.

        Raises ``CouldNotLook``.
        """
        found = self._look_up(name, "TXT")
        return [b"".join(each.strings)[:_LONGEST].decode("utf-8", "replace") for each in found]

    def has(self, name: str, kind: str) -> bool:
        """Return whether ``name`` has records of this kind. Raises ``CouldNotLook``."""
        return bool(self._look_up(name, kind))

    def require_public(self, domain: str) -> None:
        """Raise ``CouldNotLook`` where the name server knows nothing of the public DNS, as those of
        closed networks do: for them no name exists."""
        top = domain.rpartition(".")[2]
        if not self.has(top, "NS"):
            raise CouldNotLook(f"this machine's name server does not know .{top}")

    def refuses_mail(self, name: str) -> bool:
        """Return whether ``name`` takes no mail (RFC 7505). Raises ``CouldNotLook``."""
        return [str(record.exchange) for record in self._look_up(name, "MX")] == ["."]

    def _look_up(self, name: str, kind: str) -> list[Any]:
        import dns.exception
        import dns.resolver

        left = self._until - time.monotonic()
        if left <= 0:
            raise CouldNotLook("the name servers take too long")
        try:
            if self._resolver is None:
                self._resolver = dns.resolver.Resolver()
            found = self._resolver.resolve(name, kind, lifetime=min(left, TIMEOUT), search=False)
            return list(found)
        except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
            return []
        except (dns.exception.DNSException, OSError, ValueError) as error:
            text = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise CouldNotLook(visible_lines(text)[:200].rstrip(".")) from error


def spf_records(dns: Dns, domain: str) -> list[str]:
    """Return the SPF records of ``domain``. There must be one. Raises ``CouldNotLook``."""
    return [text for text in dns.texts(domain) if re.match(r"v=spf1(?: |$)", text, re.IGNORECASE)]


def spf_lookups(dns: Dns, record: str, *, seen: frozenset[str] = frozenset()) -> int:
    """Return how many look-ups a receiver makes for ``record``, those of others that it includes
    among them; it stops beyond ``SPF_LOOKUPS``. Raises ``CouldNotLook``."""
    count = 0
    if len(seen) > SPF_LOOKUPS:  # a chain of names, each of which includes the next
        return count
    for term in filter(_LOOKS_UP.fullmatch, record.lower().split()[1:]):
        count += 1
        if count > SPF_LOOKUPS:
            break
        other = _INCLUDED.fullmatch(term)
        # A name with a macro depends on the message.
        if other is not None and "%" not in term and other[1] not in seen:
            for inner in spf_records(dns, other[1])[:1]:
                count += spf_lookups(dns, inner, seen=seen | {other[1]})
    return count


def spf_all(record: str) -> str:
    """Return what ``record`` says of all other servers: ``-``, ``~``, ``?``, ``+`` or nothing."""
    found = re.findall(r"(?:^|\s)([+?~-]?)all(?:\s|$)", record, re.IGNORECASE)
    return (found[0] or "+") if found else ""


def tags_of(record: str) -> dict[str, str]:
    """Return the tags of a DKIM or DMARC record: ``v=DMARC1; p=none``."""
    pairs = (part.partition("=") for part in record.split(";"))
    return {name.strip().lower(): re.sub(r"\s", "", value) for name, _, value in pairs if value}


def dmarc_record(dns: Dns, domain: str) -> tuple[str, dict[str, str]] | None:
    """Return the domain that has the DMARC record for ``domain``, and its tags: its own, or that
    of the nearest domain above. Raises ``CouldNotLook``."""
    for above in _domains(domain):
        texts = dns.texts(f"_dmarc.{above}")
        records = [text for text in texts if re.match(r"v=DMARC1\s*(?:;|$)", text)]
        if len(records) == 1:
            return above, tags_of(records[0])
        if len(records) > 1:  # RFC 7489, section 6.6.3: as if there were none
            return None
    return None


def _domains(domain: str) -> Iterator[str]:
    """``mail.parks.example.ca``, ``parks.example.ca``, ``example.ca``."""
    labels = domain.split(".")
    for first in range(max(1, len(labels) - 1)):
        yield ".".join(labels[first:])
