"""What ``tx.audit`` records: one entry of the log, in the transaction of the change."""

from __future__ import annotations

import hashlib
import ipaddress
import re
import secrets
from typing import TYPE_CHECKING, Any, Final, Literal

import msgspec

from changemaker_core.audit.chain import commitment_of, to_json
from changemaker_core.audit.models import CoreAuditEntry, CoreAuditPersonal
from changemaker_core.db import new_id
from changemaker_core.identity.origin import Origin, current_origin
from changemaker_core.mail import canonical_email

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from changemaker_core.db import Tx

ActorKind = Literal["user", "key", "peer", "job", "command", "system", "visitor"]

#: ``petitions.petition.changed``: plugin, kind of object, what was done to it.
_ACTION: Final = re.compile(r"[a-z][a-z0-9]*(\.[a-z][a-z0-9_]*){2}")
LONGEST_ID: Final = 200
#: Characters of JSON that are stored of a value: a letter's text is not copied at each change.
LONGEST_VALUE: Final = 2_000
_MISSING: Final = object()


class AuditLog:
    """Records entries. A site's database has one, which ``tx.audit`` calls."""

    def record(
        self,
        tx: Tx,
        action: str,
        object_id: str,
        *,
        label: str,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any] | None,
        person: str,
        personal: Collection[str],
        secret: Collection[str],
    ) -> None:
        """Insert an entry, unless ``before`` and ``after`` are given and are the same."""
        _check(action, object_id, person, personal)
        entry = _Recording(tx, person_key(person))
        changes = entry.changes(before, after, frozenset(personal), frozenset(secret))
        if before is not None and after is not None and not changes:
            return
        kind, actor_id = entry.add_actor()
        if label:
            entry.details["label"] = entry.private(label, entry.person) if person else label
        if changes:
            entry.details["changes"] = changes
        CoreAuditEntry.insert(
            id=entry.id,
            at=tx.now,
            action=action,
            object_id=object_id,
            actor_kind=kind,
            actor_id=actor_id,
            request_id=entry.request_id,
            details=to_json(entry.details),
        ).execute()
        # PERF: these are compiled once; `insert_rows`, for many, is prepared each time.
        for row in entry.rows:
            CoreAuditPersonal.insert(row).execute()


class _Recording:
    """An entry as it is put together: its details, and the rows of people's data in it."""

    def __init__(self, tx: Tx, person: str) -> None:
        self.id = new_id()
        self.person = person
        self.details: dict[str, Any] = {}
        self.rows: list[dict[str, Any]] = []
        self._tx = tx
        cause = current_origin.get()
        self._origin = None if cause is None else cause.origin

    @property
    def request_id(self) -> str:
        """That of the request in which it is done, or which the running job began with."""
        return "" if self._origin is None else self._origin.request_id or ""

    def add_actor(self) -> tuple[ActorKind, str]:
        """Add who acts, and from where; return their kind, and the id of the user or peer."""
        actor, origin = self._tx.actor, self._origin
        if actor is None or actor.kind == "system":
            kind = _kind_without_a_person(origin, is_system=actor is not None)
            if origin is not None and origin.name:
                self.details["actor"] = origin.name
            if origin is not None and kind == "job":
                self.details["job"] = origin.id
            self._add_client(origin, self.person)
            return kind, ""
        id = actor.user_id or actor.id
        _check_id("the id of an actor", id)
        if actor.kind == "key":
            self.details["key"] = actor.id
        if actor.name:
            is_organisation = actor.kind == "peer"
            self.details["actor"] = actor.name if is_organisation else self.private(actor.name, id)
        self._add_client(origin, "" if actor.kind == "peer" else id)
        return actor.kind, id

    def _add_client(self, origin: Origin | None, person: str) -> None:
        network = "" if origin is None else network_of(origin.address)
        if network:
            self.details["client"] = self.private(network, person)

    def private(self, value: Any, person: str) -> dict[str, str]:
        """Store a value of a person's beside the entry, and return what stands for it."""
        text, salt = to_json(value), secrets.token_hex(16)
        commitment = commitment_of(salt, person, self._tx.now, text)
        self.rows.append(
            {
                "commitment": commitment,
                "entry": self.id,
                "at": self._tx.now,
                "person": person,
                "salt": salt,
                "value": text,
            }
        )
        return {"personal": commitment}

    def changes(
        self,
        before: Mapping[str, Any] | None,
        after: Mapping[str, Any] | None,
        personal: Collection[str],
        secret: Collection[str],
    ) -> dict[str, Any]:
        """Return the fields that differ, each with its values."""
        sides = [(name, _plain(side)) for name, side in (("before", before), ("after", after))]
        given = {name: side for name, side in sides if side is not None}
        found: dict[str, Any] = {}
        for field in dict.fromkeys(field for side in given.values() for field in side):
            values = [side.get(field, _MISSING) for side in given.values()]
            if len(values) == 2 and values[0] == values[1]:
                continue
            if field in secret:
                found[field] = {"secret": "changed"}
                continue
            found[field] = {
                name: self._shown(side[field], field in personal)
                for name, side in given.items()
                if field in side
            }
        return found

    def _shown(self, value: Any, is_personal: bool) -> Any:
        text = to_json(value)
        if len(text) > LONGEST_VALUE:
            digest = hashlib.sha256(text.encode()).hexdigest()
            value = {"cut": text[:LONGEST_VALUE], "length": len(text), "sha256": digest}
        # Nothing is hidden by a field that is empty.
        return self.private(value, self.person) if is_personal and value else value


def person_key(person: str) -> str:
    """Return what a person's data are found by: the id of a user, or an email address, folded."""
    return canonical_email(person) if "@" in person else person.lower()


def network_of(address: str) -> str:
    """Return the network of a client: its provider or its household, and not its device.

    >>> network_of("203.0.113.77"), network_of("2001:db8:1:2::3")
    ('203.0.113.0/24', '2001:db8:1::/48')
    """
    try:
        found = ipaddress.ip_address(address)
    except ValueError:
        return ""  # none, or the name of a socket
    mapped = found.ipv4_mapped if isinstance(found, ipaddress.IPv6Address) else None
    found = mapped or found
    bits = 24 if found.version == 4 else 48
    return str(ipaddress.ip_network((found, bits), strict=False))


def _kind_without_a_person(origin: Origin | None, *, is_system: bool) -> ActorKind:
    if origin is None:
        return "system"
    if origin.kind == "request":
        return "system" if is_system else "visitor"
    return origin.kind


def _plain(side: Mapping[str, Any] | None) -> dict[str, Any] | None:
    """Return values as JSON has them, so that the same is the same: a date, a set, a Struct."""
    if side is None:
        return None
    plain: dict[str, Any] = msgspec.to_builtins(
        {name: sorted(v) if isinstance(v, set | frozenset) else v for name, v in side.items()},
        str_keys=True,
        enc_hook=str,
    )
    return plain


def _check(action: str, object_id: str, person: str, personal: Collection[str]) -> None:
    if not _ACTION.fullmatch(action) or len(action) > CoreAuditEntry.action.max_length:
        raise ValueError(
            f"the action {action!r} must have the form <plugin>.<object>.<what was done>,"
            " such as petitions.petition.changed"
        )
    _check_id("object_id", object_id)
    if personal and not person:
        raise ValueError(
            "personal fields belong to somebody: give person=, the id of a user or an address"
        )


def _check_id(what: str, id: str) -> None:
    if len(id) > LONGEST_ID or "\0" in id:
        raise ValueError(f"{what} has at most {LONGEST_ID} characters, and no NUL")
