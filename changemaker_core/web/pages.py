"""What a responder returns when it answers with HTML."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class TemplateResponse:
    """A template and what it is filled with; the edge renders it in the reader's language.

    >>> TemplateResponse("petitions/list.html", {"petitions": []}).status
    200
    """

    template: str
    context: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Redirect:
    """An answer that sends the browser elsewhere.

    ``location`` is a path of this site without its mount prefix (``/emails/…``), which the edge
    adds, or a whole address. 303 turns a form's POST into a GET.
    """

    location: str
    status: int = 303
    headers: tuple[tuple[str, str], ...] = ()
