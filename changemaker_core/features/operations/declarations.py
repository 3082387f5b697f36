"""The type that ``operations_register_health_checks`` returns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from changemaker_core import Site


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """``check(site)`` returns if all is well, and raises an exception otherwise.

    If ``critical`` is false, the site works without it, and a failure is a warning.
    """

    name: str
    check: Callable[[Site], Awaitable[None]]
    critical: bool = True
