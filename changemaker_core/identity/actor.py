"""Who acts: a person, a key, a peer, or the site itself."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal

EVERYTHING = "*"
#: In ``@endpoint(on="*")``: it is enough to hold the permission for any object.
ANY_OBJECT = "*"


@dataclass(frozen=True, slots=True)
class Actor:
    """Who a request or a job acts for; ``None`` stands for an anonymous visitor.

    ``permissions`` are names that plugins registered, such as ``petitions.petition.write``;
    ``"*"`` among them stands for all. ``scoped`` are permissions that hold for one object each,
    with the object's id: ``("petitions.petition.write", "0198f2…")``. ``owner_id`` is the user
    whose key this is.
    """

    kind: Literal["user", "key", "peer", "system"]
    id: str
    name: str
    permissions: frozenset[str]
    scoped: frozenset[tuple[str, str]] = frozenset()
    owner_id: str | None = None

    @property
    def user_id(self) -> str | None:
        """The user who acts, by themselves or through a key; ``None`` for peers and the site."""
        return self.id if self.kind == "user" else self.owner_id

    def has_permission(self, permission: str, on: str | None = None) -> bool:
        """Return whether this actor holds ``permission``: for everything, or for the object whose
        id is ``on``."""
        if permission in self.permissions or EVERYTHING in self.permissions:
            return True
        return on is not None and (permission, on) in self.scoped

    def objects(self, permission: str) -> list[str] | None:
        """Return the ids of the objects for which this actor holds ``permission``, in their order.

        ``None`` stands for everything, and an empty list for nothing.
        """
        if self.has_permission(permission):
            return None
        return sorted(id for held, id in self.scoped if held == permission)


#: The site acting on its own: jobs, the command line, seed data.
SYSTEM = Actor("system", "", "system", frozenset({EVERYTHING}))

#: Who acts: set by ``@endpoint`` for a request and by the executor for a job.
current_actor: ContextVar[Actor | None] = ContextVar("current_actor", default=None)
