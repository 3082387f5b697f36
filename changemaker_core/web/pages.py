"""Values that a responder returns for a browser: a template, or a redirect."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Mapping


@dataclass(frozen=True, slots=True)
class TemplateResponse:
    """An HTML response: a template and its context, rendered in the reader's language.

    >>> TemplateResponse("petitions/list.html", {"petitions": []}).status
    200
    """

    template: str
    context: Mapping[str, Any] = field(default_factory=dict)
    status: int = 200
    headers: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Redirect:
    """A response that sends the browser to another address.

    ``location`` is a path of this site without its mount prefix (``/emails/…``), which the edge
    adds, or a whole address. 303 turns a form's POST into a GET.
    """

    location: str
    status: int = 303
    headers: tuple[tuple[str, str], ...] = ()
