"""What can go wrong with a job."""

from __future__ import annotations

import difflib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable


class UnknownJob(LookupError):
    """A job was enqueued that no loaded plugin has."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        near = difflib.get_close_matches(name, list(known), n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        super().__init__(f"no loaded plugin has a job named {name!r}{hint}")
        self.name = name


class PayloadRefused(ValueError):
    """A payload is not JSON, or too large. The message names the part."""


class JobFailed(Exception):
    """Raised by a job's function: it has certainly failed, and trying again would not help."""


class LeaseLost(Exception):
    """The run has been given up for dead, and its job may be another's now.

    Nothing that the step would have written was written. Let it pass through.
    """

    def __init__(self, job_id: str) -> None:
        super().__init__(f"the lease on job {job_id} is lost")
        self.job_id = job_id
