"""The interface of a directory of representatives. Another country is another directory."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

from changemaker_influence.directories import postal_codes

if TYPE_CHECKING:
    from collections.abc import Iterable

    from changemaker_influence.directories.representatives import DirectoryEntry


class Directory(ABC):
    """Finds the representatives of a postal code.

    Plugins register theirs with ``influence_register_directories``; the configuration's
    ``directory`` names the one in use.

    >>> class Gazetteer(Directory):
    ...     name = "gazetteer"
    ...     async def find(self, code):
    ...         return DirectoryEntry(city="Springfield", representatives=self.people[code])
    """

    name: ClassVar[str]
    #: Whether entries are cached in the database, and fetched again only when they have aged.
    cached: ClassVar[bool] = True

    def normalise(self, typed: str) -> str:
        """Return the normal form of a typed postal code, at most 100 characters.

        Raises ``PostalCodeInvalid``.
        """
        return postal_codes.normalise(typed)

    def format_code(self, code: str) -> str:
        """Return a normalised postal code as people write it, at most 100 characters."""
        return postal_codes.format_code(code)

    def search_page(self, locale: str) -> str | None:
        """Return the address of an official page on which people find their representatives.

        A visitor whose lookup failed is sent there. ``None`` where there is no such page.
        """
        return None

    @abstractmethod
    async def find(self, code: str) -> DirectoryEntry:
        """Return the entry of a normalised postal code.

        Raises ``PostalCodeUnknown`` where the directory has none, ``DirectoryUnavailable`` where
        it cannot be read now.
        """

    def entries(self) -> Iterable[DirectoryEntry]:
        """Return what the directory has on this machine, for ``changemaker doctor`` to look at.

        Entries that are cached in the database are looked at without it.
        """
        return ()

    async def close(self) -> None:  # noqa: B027  # most directories hold nothing open
        """Close the connections and files that ``find`` opened."""
