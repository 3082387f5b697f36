"""Where a change comes from: a request, a job, or a command."""

from __future__ import annotations

from contextvars import ContextVar
from dataclasses import dataclass
from typing import Literal, Protocol


@dataclass(frozen=True, slots=True)
class Origin:
    """What caused a change, for the audit log.

    ``id`` is that of the request or of the job; ``name`` is the job's, or that of the person at
    the command line; ``address`` is the client's. ``request_id`` is the request that all of it
    began with, if one did; ``route`` is its method and route.
    """

    kind: Literal["request", "job", "command"]
    id: str = ""
    name: str = ""
    address: str = ""
    request_id: str | None = None
    route: str = ""

    @property
    def place(self) -> str:
        """What causes it, for a line of the log: a route, a job, or a command, without a person."""
        if self.kind == "request":
            return self.route
        return f"job {self.name} {self.id}" if self.kind == "job" else "a command"

    @property
    def author(self) -> str:
        """Who changes something, where no account does: ``root (command line)``, or a job."""
        if self.kind == "command":
            return f"{self.name} (command line)" if self.name else "command line"
        return self.name


class HasOrigin(Protocol):
    """A request, a job that runs, or the command line."""

    @property
    def origin(self) -> Origin:
        """Where its changes come from."""


#: What causes what is read and changed: set while a responder or a job runs, and for a command.
#: PERF: it holds the request itself, which makes its origin only when asked.
current_origin: ContextVar[HasOrigin | None] = ContextVar("current_origin", default=None)


def current_request_id() -> str | None:
    """Return the id of the request that is being responded to, or that the running job began with;
    ``None`` where no request did."""
    cause = current_origin.get()
    return None if cause is None else cause.origin.request_id
