"""What plugins declare to operations: what must work for the site to be healthy."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from changemaker_core import Site


@dataclass(frozen=True, slots=True)
class HealthCheck:
    """``check(site)`` returns when all is well and raises, saying what is not, otherwise.

    A site works without what is not ``critical``: its failure is a warning.
    """

    name: str
    check: Callable[[Site], Awaitable[None]]
    critical: bool = True
