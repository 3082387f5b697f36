"""What core's own rooms store about people: jobs, authors of settings, saved mail."""

from __future__ import annotations

from email import message_from_binary_file
from email.policy import SMTPUTF8
from typing import TYPE_CHECKING, Any, Final

from changemaker_core import Text
from changemaker_core.features.privacy.declarations import (
    BATCH,
    ERASED,
    PersonalData,
    Retention,
    export_rows,
)
from changemaker_core.jobs.models import CoreJob
from changemaker_core.jobs.payload import decode
from changemaker_core.mail import canonical_email
from changemaker_core.settings.stored import CoreSettings, CoreSettingsVersion

if TYPE_CHECKING:
    from collections.abc import Iterator
    from datetime import datetime
    from email.message import EmailMessage
    from pathlib import Path

    from changemaker_core import Site, Tx
    from changemaker_core.features.privacy.declarations import Person

#: States of jobs in which an executor holds none.
_AT_REST: Final = ("queued", "done", "dead", "unknown", "cancelled")


def personal_data(site: Site) -> list[PersonalData]:
    """Return the declarations of core's rooms."""
    folder = site.config.site_dir / "data" / "mail"
    return [
        PersonalData(
            "core.jobs",
            Text("Jobs"),
            (CoreJob.payload, CoreJob.error, CoreJob.progress_note),
            export=_export_jobs,
            erase=_erase_jobs,
            keeps=Text("A job that runs at the moment is erased once it has finished."),
        ),
        *(_authors(model) for model in (CoreSettings, CoreSettingsVersion)),
        PersonalData(
            "core.saved_mail",
            Text("Mail that was saved to a folder"),
            (),
            export=lambda person: _export_mail(folder, person),
            erase=lambda _tx, person: _erase_mail(folder, person),
            keeps=Text("Mail to others that mentions the person, until it is too old."),
            retention=Retention(
                30,
                lambda before: _count_mail(folder, before),
                lambda _tx, before: _expire_mail(folder, before),
            ),
        ),
    ]


# Jobs


def _jobs_of(person: Person) -> Iterator[CoreJob]:
    """Yield the jobs whose payload or error names a person."""
    maybe = person.candidates(CoreJob.payload, CoreJob.error, CoreJob.progress_note)
    for job in CoreJob.select().where(maybe).order_by(CoreJob.id):
        if person.is_named_in(job.error, job.progress_note, *_texts(decode(job.payload))):
            yield job


def _export_jobs(person: Person) -> Iterator[dict[str, Any]]:
    for job in _jobs_of(person):
        yield {
            "id": job.id,
            "name": job.name,
            "state": job.state,
            "created_at": job.created_at,
            "finished_at": job.finished_at,
            "payload": decode(job.payload),
            "error": job.error,
            "progress_note": job.progress_note,
        }


def _erase_jobs(tx: Tx, person: Person) -> int:
    """Delete the jobs of a person that are at rest, and cancel those of a lane: others wait behind
    them. A job that only reports the person, such as the address that a server refused, is
    somebody else's: that text goes."""
    erased = 0
    for job in _jobs_of(person):
        at_rest = (CoreJob.id == job.id) & CoreJob.state.in_(_AT_REST)
        if not person.is_named_in(*_texts(decode(job.payload))):
            reports = (CoreJob.error, CoreJob.progress_note)
            erasure = {
                each: ERASED for each in reports if person.is_named_in(getattr(job, each.name))
            }
            erased += CoreJob.update(erasure).where(at_rest).execute()
        elif job.lane_position is None and job.state in _AT_REST:
            erased += CoreJob.delete().where(at_rest).execute()
        elif job.state == "queued":
            tx.cancel(str(job.id))
        if erased == BATCH:
            break
    return erased


def _texts(value: Any) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for each in value.values():
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)


# Authors


def _authors(model: type[CoreSettings] | type[CoreSettingsVersion]) -> PersonalData:
    """Return the declaration of who has changed settings."""

    def of(person: Person) -> Any:
        return model.changed_by.in_(person.user_ids) & (model.changed_by_name != ERASED)

    def erase(_tx: Tx, person: Person) -> int:
        return int(model.update(changed_by_name=ERASED).where(of(person)).execute())

    is_history = model is CoreSettingsVersion
    return PersonalData(
        "core.settings_history" if is_history else "core.settings",
        Text("Former versions of settings") if is_history else Text("Settings"),
        (model.changed_by_name,),
        export=lambda person: export_rows(model, of(person)),
        erase=erase,
        keeps=Text("What was changed, and when, stays without the name of who changed it."),
    )


# Saved mail


def _mails_of(folder: Path, person: Person) -> Iterator[tuple[Path, EmailMessage]]:
    """Yield the saved messages to a person, and those that they wrote.

    One that only mentions them belongs to somebody else: it may hold a link that signs that person
    in.
    """
    for path in sorted(folder.glob("*.eml")):
        try:
            with path.open("rb") as file:
                message = message_from_binary_file(file, policy=SMTPUTF8)
        except FileNotFoundError:  # deleted meanwhile
            continue
        if _is_to(message, person) or _is_written_by(message, person):
            yield path, message


def _is_to(message: EmailMessage, person: Person) -> bool:
    return _has_address(message, ("To", "Cc", "Bcc"), person)


def _is_written_by(message: EmailMessage, person: Person) -> bool:
    """Return whether a person wrote a message. Replies to the site's own mails go to the site."""
    return "Auto-Submitted" not in message and _has_address(message, ("Reply-To",), person)


def _has_address(message: EmailMessage, headers: tuple[str, ...], person: Person) -> bool:
    values = [value for name in headers for value in message.get_all(name, [])]
    found = (address.addr_spec for value in values for address in value.addresses)
    return any(canonical_email(each) in person.emails for each in found)


def _export_mail(folder: Path, person: Person) -> Iterator[dict[str, Any]]:
    """Yield messages, with their text where the person wrote it: the mails to them have links in
    them that sign in or choose a password, which are for their reader alone."""
    for path, message in _mails_of(folder, person):
        yield {
            "file": path.name,
            "sent_at": message["Date"].datetime if "Date" in message else None,
            "to": str(message.get("To", "")),
            "reply_to": str(message.get("Reply-To", "")),
            "subject": str(message.get("Subject", "")),
            "text": _text(message) if _is_written_by(message, person) else None,
        }


def _text(message: EmailMessage) -> str:
    plain = message.get_body(("plain",))
    return "" if plain is None else str(plain.get_content())


def _erase_mail(folder: Path, person: Person) -> int:
    """Delete files. An interruption leaves some, which the next call deletes."""
    found = [path for path, _ in _mails_of(folder, person)]
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def _count_mail(folder: Path, before: datetime) -> int:
    return len(_older(folder, before))


def _expire_mail(folder: Path, before: datetime) -> int:
    found = _older(folder, before)
    for path in found:
        path.unlink(missing_ok=True)
    return len(found)


def _older(folder: Path, before: datetime) -> list[Path]:
    """Return the messages that were saved before a time, which their names begin with."""
    limit = f"{before:%Y%m%dT%H%M%S}"
    return [path for path in sorted(folder.glob("*.eml")) if path.name < limit]
