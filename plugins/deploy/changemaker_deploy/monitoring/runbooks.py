"""Links from alerts and panels to the sections of the guide that say what to do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

#: The page, as it is in the folder of the guides.
PAGE: Final = "troubleshooting"


@dataclass(frozen=True, slots=True)
class Guides:
    """Where the guides are published: ``url`` is the address of their folder, or None."""

    url: str | None = None

    def link(self, section: str) -> str:
        """Return the address of a section; without a ``url``, its place in the project's folder."""
        if self.url is None:
            return f"docs/guides/{PAGE}.md#{section}"
        return f"{self.url.rstrip('/')}/{PAGE}/#{section}"
