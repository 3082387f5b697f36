"""What a supervisor tells a child process, and what the child's exit status tells back."""

from __future__ import annotations

import json
import sys
from dataclasses import asdict, dataclass, replace
from typing import Any, Literal

#: The child refused to work for a reason that it has printed: starting it again is no help.
REFUSED = 78
#: The child could not begin for a reason that it has printed and that may pass by itself.
NOT_NOW = 75
#: Seconds in which requests and the current job are finished after the first signal.
GRACE = 10.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Orders:
    """How one process of a site is to run.

    ``socket`` is the listening socket's descriptor (web processes only). The child writes to
    ``ready`` when it works, and ends when ``alive`` reads end-of-file: its supervisor is gone.
    """

    kind: Literal["web", "jobs"]
    site: str
    only: tuple[str, ...] = ()
    except_: tuple[str, ...] = ()
    safe_mode: bool = False
    socket: int = -1
    ready: int = -1
    alive: int = -1

    def command(self, *, ready: int, alive: int) -> list[str]:
        """The command line of a process under these orders."""
        orders = asdict(replace(self, ready=ready, alive=alive))
        kind = orders.pop("kind")
        return [sys.executable, "-m", "changemaker_core.server.process", kind, json.dumps(orders)]

    @classmethod
    def parse(cls, arguments: list[str]) -> Orders:
        """The orders that ``command`` made the arguments of."""
        kind, text = arguments
        orders: dict[str, Any] = json.loads(text)
        for name in ("only", "except_"):
            orders[name] = tuple(orders[name])
        return cls(kind="web" if kind == "web" else "jobs", **orders)
