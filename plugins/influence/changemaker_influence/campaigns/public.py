"""What the public API and the public pages share."""

from __future__ import annotations

from typing import Final

#: Seconds for which a public answer is kept while nothing changes: campaigns begin and end.
CACHED: Final = 30
