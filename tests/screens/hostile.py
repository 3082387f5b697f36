"""Forms filled in by somebody who tries to have a script stored."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from urllib.parse import urljoin, urlsplit

from tests.screens.crawl import OF_BROWSER, Field, HtmlForm, Page

if TYPE_CHECKING:
    import httpx

#: Ends an attribute, an element and a script, asks for an evaluation, and is an address.
ATTACK = (
    "\"'></textarea></title><script>window.hit = 1</script><img src=x onerror='window.hit = 2'>"
    "{{ 7919 * 7927 }}{% raw %}javascript:window.hit=3"
)
#: For fields that take fewer characters.
SHORT = "<script>window.hit=1</script>"
#: What a page has where one of them was not shown as text.
CAUGHT = re.compile(
    r"<script>\s*window\.hit|<img src=x|62773913|(?:href|src|action)=[\"']?\s*javascript:"
)
#: What a field takes that took neither.
VALID = {
    "email": "walk@example.org",
    "url": "https://example.org/zoe",
    "number": "3",
    "date": "2031-05-01",
    "time": "10:00",
    "datetime-local": "2031-05-01T10:00",
    "tel": "+1 780 555-0100",
    "color": "#0d5f58",
    "password": "wide river, slow boat",
}
TEXTS = {"text", "textarea", "search", "email", "url", "tel", "number", "date", "time"}
TEXTS |= {"datetime-local", "color"}
#: Forms that end what the walk needs.
LEFT_OUT = re.compile(r"/sign-out$|/account(/|$)")
ERROR = re.compile(r'id="([\w.-]+)-error"')


@dataclass
class Walk:
    """What was sent, what was stored, and what was caught."""

    client: httpx.Client
    sent: list[str] = field(default_factory=list)
    stored: list[str] = field(default_factory=list)
    caught: list[str] = field(default_factory=list)
    failed: list[str] = field(default_factory=list)

    def send(self, path: str, form: HtmlForm) -> None:
        """Fill in a form of the page at ``path`` and send it, until it is accepted: a field that is
        rejected gets the next of its values."""
        target = urljoin(path, form.action) if form.action else path
        tries = {each.name: _values(each) for each in form.fields}
        for _ in range(5):
            data = {each.name: tries[each.name][0] for each in form.fields if _is_sent(each)}
            files = {each.name: ("", b"") for each in form.fields if each.kind == "file"}
            response = self._post(target, form, data, files)
            self.sent.append(target)
            self._look(target, response)
            if response.status_code not in (400, 409, 422):
                break
            rejected = set(ERROR.findall(response.text)) & tries.keys()
            for name in rejected or tries:
                tries[name] = tries[name][1:] or tries[name]
        if response.status_code in (200, 303):
            self.stored.append(target)

    def _post(
        self,
        target: str,
        form: HtmlForm,
        data: dict[str, str],
        files: dict[str, tuple[str, bytes]],
    ) -> httpx.Response:
        if form.method == "get":
            return self.client.get(target, params=data, headers=OF_BROWSER)
        if form.enctype == "multipart/form-data":
            parts = [(name, (None, text)) for name, text in data.items()]
            return self.client.post(target, files=[*parts, *files.items()], headers=OF_BROWSER)
        return self.client.post(target, data=data, headers=OF_BROWSER)

    def _look(self, target: str, response: httpx.Response) -> None:
        if response.headers.get("content-type", "").startswith("text/html"):
            self.caught += [f"{target}: {each}" for each in CAUGHT.findall(response.text)]
        if response.status_code >= 500:
            self.failed.append(f"{target}: {response.status_code}")


def fill_in(client: httpx.Client, pages: dict[str, Page]) -> Walk:
    """Send every form of these pages that has a field for text."""
    walk, seen = Walk(client), set()
    for path, page in pages.items():
        for form in page.forms:
            names = tuple(each.name for each in form.fields if each.kind in TEXTS)
            action = urlsplit(form.action).path or path
            if names and (action, names) not in seen and not LEFT_OUT.search(action):
                seen.add((action, names))
                walk.send(path, form)
    return walk


def _values(each: Field) -> list[str]:
    """What a field is filled with, one after the other."""
    if each.kind in ("checkbox", "radio"):
        return [each.value or "on"]
    if each.kind == "select":
        return [each.value, *[option for option in each.options if option][:1]]
    if each.kind in TEXTS:
        own = [each.value] if each.value else []
        return [ATTACK, SHORT, *own, VALID.get(each.kind, "zoe")]
    if each.kind == "password":
        return [VALID["password"]]
    return [each.value]


def _is_sent(each: Field) -> bool:
    if each.kind in ("checkbox", "radio"):
        return each.is_checked
    return each.kind not in ("file",)
