"""What other plugins may import: links that they add to events."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from changemaker_core import Text
from changemaker_events.schemas import EventOut


@dataclass(frozen=True, slots=True)
class EventLink:
    """A link on the page of each event; ``address(event)`` returns where it leads."""

    name: str
    text: Text
    address: Callable[[EventOut], str]
