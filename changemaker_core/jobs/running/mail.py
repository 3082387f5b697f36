"""Sending one message in a job: at most once, unless it certainly was not delivered."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Final, TypeAlias

from changemaker_core.mail.errors import DeliveryUnknown, Refused

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_core.db import Tx
    from changemaker_core.jobs.running.job_run import JobRun
    from changemaker_core.mail import Message

    #: Called as ``change(tx)``.
    Change: TypeAlias = Callable[[Tx], object] | None
    #: Called as ``change(tx, error)``.
    ChangeWithError: TypeAlias = Callable[[Tx, str], object] | None

#: Servers like to quote addresses; errors end up in logs and lists of jobs.
_ADDRESS: Final = re.compile(r"[^\s<>\"'(),;:]+@[^\s<>\"'(),;:]+")


def send(
    run: JobRun,
    message: Message,
    *,
    sending: Change,
    sent: Change,
    retried: ChangeWithError,
    failed: ChangeWithError,
    unknown: ChangeWithError,
) -> None:
    """Do what ``JobRun.mail`` says."""
    with run.site.mail.session() as session:
        try:
            session.send_envelope(message)
            run.at_risk(sending)
            session.send_data()
        except Refused as refused:
            error = without_addresses(str(refused))
            if refused.of_site:
                run.hold("refused", error, _with(retried, error))
            elif refused.temporary:
                run.retry(error, _with(retried, error))
            else:
                run.dead(error, _with(failed, error))
        except DeliveryUnknown as lost:
            error = without_addresses(str(lost))
            run.unknown(error, _with(unknown, error))
        else:
            run.done(sent)


def without_addresses(text: str) -> str:
    """``550 <a@example.org> unknown`` → ``550 <…> unknown``"""
    return _ADDRESS.sub("…", text)


def _with(change: ChangeWithError, error: str) -> Callable[[Tx], object] | None:
    return None if change is None else lambda tx: change(tx, error)
