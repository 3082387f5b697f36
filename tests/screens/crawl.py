"""The screens of a site, found as a person finds them: by following links from the dashboard."""

from __future__ import annotations

import re
from collections import deque
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

if TYPE_CHECKING:
    import httpx

PARAMETER = re.compile(r"\{\w+(:path)?\}")
#: Attributes whose address a browser asks for, by itself or when something is pressed.
LEADING = ("href", "src", "action", "formaction", "hx-get", "hx-post", "hx-sse:connect")
#: How many screens of one template are opened to follow their links, and looked at in the browser.
OF_EACH = 4
LOOKED_AT = 1
#: What a browser says of a request that a page of the same site makes.
OF_BROWSER = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "navigate"}


@dataclass
class Field:
    """A field of a form: its kind, and what it has."""

    name: str
    kind: str
    value: str = ""
    options: list[str] = field(default_factory=list)
    is_checked: bool = False


@dataclass
class HtmlForm:
    action: str
    method: str
    enctype: str
    fields: list[Field] = field(default_factory=list)


class Page(HTMLParser):
    """The links and forms of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.links: list[str] = []
        self.forms: list[HtmlForm] = []
        self._text_area: Field | None = None
        self._select: Field | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = {name: value or "" for name, value in attrs}
        name = given.get("name", "")
        self.links += [given[each] for each in LEADING if given.get(each)]
        if tag == "form":
            method, enctype = given.get("method", "get").lower(), given.get("enctype", "")
            self.forms.append(HtmlForm(given.get("action", ""), method, enctype))
        elif tag == "option" and self._select is not None:
            self._select.options.append(given.get("value", ""))
            if "selected" in given or len(self._select.options) == 1:
                self._select.value = given.get("value", "")
        elif tag in ("input", "textarea", "select") and name and self.forms:
            kind = given.get("type", "text") if tag == "input" else tag
            if kind in ("submit", "button", "reset", "image"):
                return
            new = Field(name, kind, given.get("value", ""), is_checked="checked" in given)
            self.forms[-1].fields.append(new)
            self._text_area = new if tag == "textarea" else None
            self._select = new if tag == "select" else None

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._text_area = None
        elif tag == "select":
            self._select = None

    def handle_data(self, data: str) -> None:
        if self._text_area is not None:
            self._text_area.value += data.removeprefix("\n") if not self._text_area.value else data


class Screens:
    """The screens under ``/admin`` that links lead to, by the template of their route.

    ``more`` are paths that no link leads to. A response that is no page, such as a file, counts as
    found and is no screen.
    """

    def __init__(self, site: object, client: httpx.Client, more: tuple[str, ...] = ()) -> None:
        self._client = client
        routes = {route.path for route in site.routes() if route.method == "GET"}  # type: ignore[attr-defined]  # a Site
        self.templates = sorted(path for path in routes if re.match(r"/admin(/|$)", path))
        self._patterns = [(path, _pattern(path)) for path in self.templates]
        self.found: dict[str, list[str]] = {}
        self.pages: dict[str, Page] = {}
        self.broken: dict[str, int] = {}
        self._crawl(more)

    @property
    def paths(self) -> list[str]:
        """The paths of the screens that are looked at."""
        return [
            path
            for paths in self.found.values()
            for path in [each for each in paths if each in self.pages][:LOOKED_AT]
        ]

    @property
    def missing(self) -> list[str]:
        """Templates that nothing led to."""
        return [path for path in self.templates if path not in self.found]

    def _crawl(self, more: tuple[str, ...]) -> None:
        waiting = deque(["/admin", *more])
        seen = set(waiting)
        while waiting:
            path = waiting.popleft()
            template = self.template(path)
            if template is None or len(self.found.get(template, [])) >= OF_EACH:
                continue
            with self._client.stream("GET", path, headers=OF_BROWSER) as response:
                self.found.setdefault(template, []).append(path)
                kind = response.headers.get("content-type", "")
                if response.status_code >= 400 and response.status_code != 405:
                    self.broken[path] = response.status_code
                if response.status_code != 200 or not kind.startswith("text/html"):
                    continue
                response.read()
            page = self.pages[path] = Page(response.text)
            for link in page.links:
                target = urlsplit(urljoin(str(response.url), link))
                if target.netloc == response.url.netloc.decode() and target.path not in seen:
                    seen.add(target.path)
                    waiting.append(target.path)

    def template(self, path: str) -> str | None:
        """Return the template of the route that a path leads to, if that is under ``/admin``."""
        fits = [each for each, pattern in self._patterns if pattern.fullmatch(path)]
        # A route without parameters comes before one that has them, as the router has it.
        return min(fits, key=lambda each: len(PARAMETER.findall(each))) if fits else None


def _pattern(template: str) -> re.Pattern[str]:
    parts = PARAMETER.split(template)
    texts = parts[::2] if PARAMETER.groups else parts
    kinds = PARAMETER.findall(template)
    regex = re.escape(texts[0])
    for kind, text in zip(kinds, texts[1:], strict=True):
        regex += (".+" if kind else "[^/]+") + re.escape(text)
    return re.compile(regex)
