"""How a child process runs: what the supervisor passes to it, and its exit statuses."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

#: Exit status of a child that cannot work and has printed why: a new one could not either.
#: EX_CONFIG of sysexits.h.
EXIT_CONFIG = 78
#: Exit status of a child that could not start for a reason that may pass, which it has printed.
#: EX_TEMPFAIL of sysexits.h.
EXIT_RETRY = 75
#: Seconds beyond the time to drain in which a process closes what it has open.
CLOSING_SECONDS = 2.0
#: Seconds that requests, and running jobs, get to finish unless configured otherwise.
DRAIN_SECONDS = 8.0


@dataclass(frozen=True, slots=True, kw_only=True)
class ProcessSpec:
    """What one process of a site runs.

    ``socket`` is the descriptor of the listening socket (web processes only). The child writes a
    byte to ``ready`` once it works, and stops when ``alive`` reads end-of-file: its supervisor is
    gone. ``drain`` is for how many seconds requests in progress may go on after a signal. With
    ``reload`` the child has the supervisor replace it when code changes.
    """

    kind: Literal["web", "jobs"]
    site: str
    only: tuple[str, ...] = ()
    except_: tuple[str, ...] = ()
    safe_mode: bool = False
    drain: float = DRAIN_SECONDS
    reload: bool = False
    socket: int = -1
    ready: int = -1
    alive: int = -1

    @property
    def grace(self) -> float:
        """Seconds from the first signal until the process is killed."""
        return self.drain + CLOSING_SECONDS

    def command(self, *, ready: int, alive: int) -> list[str]:
        """Return the command line of a process with this spec."""
        values = asdict(replace(self, ready=ready, alive=alive))
        kind = values.pop("kind")
        # NOTE(-P): otherwise a file queue.py in the working directory is imported as a module.
        module = ("-P", "-m", "changemaker_core.server.process")
        return [sys.executable, *module, kind, json.dumps(values)]

    @classmethod
    def parse(cls, arguments: list[str]) -> ProcessSpec:
        """Return the spec whose ``command`` had these arguments."""
        kind, text = arguments
        values: dict[str, Any] = json.loads(text)
        for name in ("only", "except_"):
            values[name] = tuple(values[name])
        return cls(kind="web" if kind == "web" else "jobs", **values)
