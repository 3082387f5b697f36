"""Changes of mail templates: each adds a version. Functions know nothing of HTTP."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import peewee

from changemaker_core.features.mailtemplates.models import Version
from changemaker_core.features.mailtemplates.queries import current_versions, version

if TYPE_CHECKING:
    from changemaker_core import Tx
    from changemaker_core.features.mailtemplates.declarations import Content
    from changemaker_core.features.mailtemplates.queries import Stored

#: Of a template in a language; of more, the oldest are deleted.
MOST_VERSIONS: Final = 200


class ChangedMeanwhile(Exception):
    """Another change came first: ``current`` is the version that it made, if it is known."""

    def __init__(self, current: Stored | None) -> None:
        super().__init__("the mail template was changed meanwhile")
        self.current = current


def save(
    tx: Tx,
    name: str,
    language: str,
    content: Content | None,
    *,
    seen: int | None,
    shipped_hash: str,
    restores: int | None = None,
    by: str | None = None,
) -> Stored | None:
    """Add a version, and return what is in force then; ``None`` where nothing ever was changed.

    ``content`` is ``None`` to go back to the shipped text. ``seen`` is the number of the version
    that the change was made to: raises ``ChangedMeanwhile`` where another is in force. What changes
    nothing adds no version. ``by`` is who changes it, where no actor does.
    """
    current = _current(name, language)
    number = current.number if current else 0
    if seen is not None and seen != number:
        raise ChangedMeanwhile(current)
    subject, text = content or (None, None)
    in_force = (current.subject, current.text) if current else (None, None)
    if (subject, text) == in_force and (current is None or current.shipped_hash == shipped_hash):
        return current
    Version.update(is_current=False).where(
        Version.name == name,
        Version.language == language,
        Version.is_current == True,  # noqa: E712  # SQL
    ).execute()
    who = tx.actor
    try:
        Version.insert(
            name=name,
            language=language,
            number=number + 1,
            subject=subject,
            text=text,
            shipped_hash=shipped_hash,
            restores=restores,
            changed_at=tx.now,
            changed_by=(by or (who.name if who else ""))[:200],
            changed_by_id=(who.user_id if who else None) or "",
        ).execute()
    except peewee.IntegrityError:  # PostgreSQL: another process, since the look above
        raise ChangedMeanwhile(None) from None
    Version.delete().where(
        Version.name == name,
        Version.language == language,
        Version.number <= number + 1 - MOST_VERSIONS,
    ).execute()
    what = "reset" if content is None else "changed" if restores is None else "restored"
    tx.audit(
        f"mailtemplates.text.{what}",
        f"{name}/{language}",
        before={"version": number, "subject": in_force[0], "text": in_force[1]},
        after={"version": number + 1, "subject": subject, "text": text},
    )
    return version(name=name, language=language, number=number + 1).get()


def _current(name: str, language: str) -> Stored | None:
    found = (each for each in current_versions(name=name).all() if each.language == language)
    return next(found, None)
