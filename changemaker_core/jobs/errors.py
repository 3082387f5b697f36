"""Errors about jobs."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core.text import did_you_mean

if TYPE_CHECKING:
    from collections.abc import Iterable


class UnknownJob(LookupError):
    """A job was enqueued that no loaded plugin registers."""

    def __init__(self, name: str, known: Iterable[str]) -> None:
        super().__init__(f"No loaded plugin has a job named {name!r}.{did_you_mean(name, known)}")
        self.name = name


class PayloadRefused(ValueError):
    """A payload is not JSON, or too large. The message names the part."""


class JobFailed(Exception):
    """Raised by a job's function: the job has certainly failed, and must not be retried."""


class JobStopped(Exception):
    """The run was asked to stop before its work was complete. Let it propagate.

    A cancelled job is then settled as cancelled; another is released, to be run again.
    """


class ChildFailed(Exception):
    """A program that a job ran did not succeed.

    ``reason`` says how it ended, ``output`` is the end of its standard error, and ``status`` its
    exit status: 128 + N where signal N ended it, 127 where it was not found, None after its time.
    """

    def __init__(self, program: str, reason: str, output: str, status: int | None) -> None:
        super().__init__(f"{program} {reason}" + (f": {output}" if output else ""))
        self.program = program
        self.reason = reason
        self.output = output
        self.status = status


class LeaseLost(Exception):
    """The run has lost its lease, and another executor may have claimed its job.

    Nothing that the step would have written was written. Do not catch it.
    """

    def __init__(self, job_id: str) -> None:
        super().__init__(f"the lease on job {job_id} is lost")
        self.job_id = job_id
