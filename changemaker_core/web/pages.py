"""Values that a responder returns for a browser: a template, or a redirect."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from changemaker_core.web.forms import Form

if TYPE_CHECKING:
    from collections.abc import Mapping


#: A path of this site, or an address.
_ADDRESS: Final = re.compile(r"/(?!/)|https?://")


@dataclass(frozen=True, slots=True)
class PageMetadata:
    """What search engines and previews of links show of a page.

    ``title`` is the page's own, without the site's name. ``description`` is plain text of any
    length; its beginning is shown. ``image`` is a path of this site or an address, and
    ``image_alt`` what it shows. ``canonical`` is the path under which the page is to be known, by
    default the request's path. A page with ``indexed=False`` is not listed by search engines: use
    it for pages that belong to one visitor.

    >>> PageMetadata("Keep the 42 running", "The council votes on August 12.").indexed
    True
    """

    title: str
    description: str = ""
    image: str | None = None
    image_alt: str = ""
    canonical: str | None = None
    indexed: bool = True

    def __post_init__(self) -> None:
        for target in (self.image, self.canonical):
            if target is not None and _ADDRESS.match(target) is None:
                raise ValueError(f"{target!r} is neither a path of this site nor an address")


@dataclass(frozen=True, slots=True)
class TemplateResponse:
    """An HTML response: a template and its context, rendered in the reader's language.

    Without a ``status`` it is 200, and 422 for a page that shows a form with errors: a ``Form`` in
    its context. ``metadata`` is what search engines and previews of links show of it.

    >>> TemplateResponse("petitions/list.html", {"petitions": []}).template
    'petitions/list.html'
    """

    template: str
    context: Mapping[str, Any] = field(default_factory=dict)
    status: int | None = None
    headers: tuple[tuple[str, str], ...] = ()
    metadata: PageMetadata | None = None

    def shows_errors(self) -> bool:
        """Return whether a form in the context has errors."""
        for each in self.context.values():  # PERF: no generator, for each page
            if isinstance(each, Form) and each.errors:
                return True
        return False


@dataclass(frozen=True, slots=True)
class Redirect:
    """A response that sends the browser to another address.

    ``location`` is a path of this site without its mount prefix (``/emails/…``), which the edge
    adds, or a whole address. 303 turns a form's POST into a GET.
    """

    location: str
    status: int = 303
    headers: tuple[tuple[str, str], ...] = ()
