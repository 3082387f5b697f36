"""What people do with mail templates, over the API and the command line alike."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING

from changemaker_core.features.mailtemplates import services
from changemaker_core.features.mailtemplates.catalogue import closest_shipped
from changemaker_core.features.mailtemplates.declarations import Content, check
from changemaker_core.features.mailtemplates.queries import Stored, version

if TYPE_CHECKING:
    from collections.abc import Iterable

    from changemaker_core import MailTemplate, Site, Tx
    from changemaker_core.features.mailtemplates.declarations import ContentMistake


class HasMistakes(ValueError):
    """A text that is not saved, and why."""

    def __init__(self, mistakes: Iterable[ContentMistake]) -> None:
        self.mistakes = tuple(mistakes)
        super().__init__("; ".join(map(str, self.mistakes)))


@dataclass(frozen=True, slots=True)
class Editing:
    """One template in one language, and who changes it (``None``: whoever acts)."""

    site: Site
    template: MailTemplate
    language: str
    by: str | None = None

    @property
    def shipped(self) -> Content:
        """The text that the plugin ships in this language, or the closest."""
        return closest_shipped(self.site, self.template, self.language)

    def save(self, tx: Tx, content: Content, seen: int | None) -> Stored | None:
        """Save a text. Raises ``HasMistakes`` and ``ChangedMeanwhile``."""
        self.check(content)
        return self._save(tx, content, seen)

    def reset(self, tx: Tx, seen: int | None) -> Stored | None:
        """Go back to the shipped text. Raises ``ChangedMeanwhile``."""
        return self._save(tx, None, seen)

    def roll_back(self, tx: Tx, number: int, seen: int | None) -> Stored | None:
        """Restore a version. Raises ``RowNotFound``, ``ChangedMeanwhile``, and ``HasMistakes``
        where the template has changed since."""
        content = content_of(
            version(name=self.template.name, language=self.language, number=number).get()
        )
        if content is not None:
            self.check(content)
        return self._save(tx, content, seen, restores=number)

    def check(self, content: Content) -> None:
        """Raise ``HasMistakes`` for a text that would not be sent."""
        if mistakes := check(self.template, content).mistakes:
            raise HasMistakes(mistakes)

    def _save(
        self, tx: Tx, content: Content | None, seen: int | None, restores: int | None = None
    ) -> Stored | None:
        return services.save(
            tx,
            self.template.name,
            self.language,
            content,
            seen=seen,
            shipped_hash=self.shipped.hash,
            restores=restores,
            by=self.by,
        )


def content_of(stored: Stored | None) -> Content | None:
    """Return the text of a version; ``None`` where it is the shipped one."""
    if stored is None or stored.subject is None or stored.text is None:
        return None
    return Content(stored.subject, stored.text)


def changes(before: Content, after: Content) -> list[str]:
    """Return what was changed: lines that begin with ``-``, ``+`` or a space, and ``@@`` above."""
    one, other = ((each.subject, "", *each.text.splitlines()) for each in (before, after))
    return [line.rstrip("\n") for line in difflib.unified_diff(one, other, lineterm="")][2:]
