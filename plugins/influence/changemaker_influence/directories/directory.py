"""What a directory of representatives is. Another country is another directory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from changemaker_influence.directories import postal_codes

if TYPE_CHECKING:
    from datetime import timedelta

    from changemaker_influence.directories.representatives import Answer


class DirectoryUnavailable(Exception):
    """The directory gave no answer now. Nothing is kept; an older answer may stand in.

    ``reason`` is for logs: it never holds what a visitor typed.
    """

    def __init__(self, reason: str, *, retry_after: timedelta | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.retry_after = retry_after


class NobodyKnown(DirectoryUnavailable):
    """The directory answered that it knows nobody for this code."""


class Directory(ABC):
    """Tells who represents a postal code. Plugins register theirs with
    ``influence_register_directories``; the configuration's ``directory`` names the one in use.

    >>> class Gazetteer(Directory):
    ...     name = "gazetteer"
    ...     async def find(self, code):
    ...         return Answer(city="Springfield", representatives=self.people[code])
    """

    name: ClassVar[str]
    #: Whether answers are kept in the database, and asked for again only when they have aged.
    cached: ClassVar[bool] = True

    def normalise(self, typed: str) -> str:
        """The one way to write the code that somebody typed; ``PostalCodeInvalid`` for no code.

        At most 100 characters, as is what ``spaced`` makes of it.
        """
        return postal_codes.normalise(typed)

    def spaced(self, code: str) -> str:
        """A normalised code as people write it."""
        return postal_codes.spaced(code)

    @abstractmethod
    async def find(self, code: str) -> Answer:
        """What is known about a normalised code. Raises ``DirectoryUnavailable``, or
        ``NobodyKnown`` where the directory knows no such code.
        """

    async def close(self) -> None:  # noqa: B027  # most directories hold nothing open
        """Lets go of what ``find`` holds open."""
