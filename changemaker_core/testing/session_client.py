"""A client that is signed in as people are: with a session's cookie, and by sending forms."""

from __future__ import annotations

import asyncio
import contextlib
from dataclasses import dataclass, field
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any, TypeAlias
from urllib.parse import parse_qsl, urlencode, urljoin, urlsplit

import httpx

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from changemaker_core.app import App

PASSWORD = "wide river, slow boat"  # noqa: S105  # of users that only tests have
#: What a browser sends along with a form of the same site.
_OF_BROWSER = {"Accept": "text/html", "Sec-Fetch-Site": "same-origin"}
_MULTIPART = "multipart/form-data"
#: A file to upload: its name, content and media type.
File: TypeAlias = tuple[str, bytes, str]


@contextlib.asynccontextmanager
async def as_role(
    app: App, role: str, *, on: tuple[str, str] | None = None, **options: Any
) -> AsyncIterator[SessionClient]:
    """A client of a new user who has ``role`` and has signed in with the form, as a browser does.

    With ``on``, such as ``("parks.park", park_id)``, they have the role for this object alone.
    ``options`` are httpx's for a client.
    """
    from changemaker_core import new_id
    from changemaker_core.testing.fixtures.site import add_user

    email = f"{new_id()}@example.org"
    await asyncio.to_thread(add_user, app.site, email, PASSWORD, role, on)
    asgi: Any = app  # httpx types a scope as any mutable mapping; ours is a dict, as servers give
    transport = httpx.ASGITransport(app=asgi, raise_app_exceptions=False)
    headers = {"Accept": "text/html", **options.pop("headers", {})}
    async with SessionClient(
        transport=transport, base_url="http://127.0.0.1:4000", headers=headers, **options
    ) as client:
        response = await client.submit("/sign-in", {"email": email, "password": PASSWORD})
        if response.status_code != 303:
            raise AssertionError(f"sign-in failed with status {response.status_code}")
        yield client


class SessionClient(httpx.AsyncClient):
    """An httpx client that fills in and sends forms."""

    async def submit(
        self,
        action: str,
        fields: Mapping[str, str | Sequence[str]] = {},
        *,
        files: Mapping[str, File] = {},
        page: str = "",
    ) -> httpx.Response:
        """Get ``page``, fill ``fields`` into its form that is sent to ``action``, and send it.

        ``files`` are files by field, for a form whose ``enctype`` is ``multipart/form-data``:
        ``{"poster": ("p.png", content, "image/png")}``. ``page`` is ``action`` itself where it is
        not given. The form's other fields are sent as the page has them, its hidden ones included,
        so that a form that lacks ``{{ csrf }}`` is rejected here as it would be in a browser.
        Raise ``AssertionError`` if there is no such form, or if it cannot send files. Redirects
        are not followed.
        """
        shown = await self.get(page or action)
        form = _form_of(shown, action)
        data = {**form.fields, **fields}
        target = urljoin(str(shown.url), form.action or str(shown.url))
        if form.enctype == _MULTIPART:
            texts = parse_qsl(urlencode(data, doseq=True), keep_blank_values=True)
            parts: list[tuple[str, Any]] = [(name, (None, text)) for name, text in texts]
            parts += files.items()
            return await self.post(target, files=parts, headers=_OF_BROWSER)
        if files:
            raise AssertionError(
                f'the form for {action} sends no files without enctype="{_MULTIPART}"'
            )
        return await self.post(target, data=data, headers=_OF_BROWSER)


@dataclass
class _HtmlForm:
    action: str
    method: str
    enctype: str
    fields: dict[str, str | Sequence[str]] = field(default_factory=dict)


def _form_of(page: httpx.Response, action: str) -> _HtmlForm:
    if page.status_code != 200:
        raise AssertionError(f"{page.url} responded with {page.status_code}, not with a form")
    parser = _Forms()
    parser.feed(page.text)
    here = urlsplit(str(page.url)).path
    sent_to = [form for form in parser.forms if form.method == "post"]
    for form in sent_to:
        if urlsplit(form.action).path in (action, "" if action == here else action):
            return form
    known = ", ".join(form.action or here for form in sent_to) or "none"
    raise AssertionError(f"{page.url} has no form for {action}; its forms are sent to: {known}")


class _Forms(HTMLParser):
    """The forms of a page, with the values that a browser would send untouched."""

    def __init__(self) -> None:
        super().__init__()
        self.forms: list[_HtmlForm] = []
        self._textarea: str | None = None
        self._select: str | None = None

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        given = dict(attrs)
        if tag == "form":
            method = (given.get("method") or "get").lower()
            enctype = (given.get("enctype") or "").lower()
            self.forms.append(_HtmlForm(given.get("action") or "", method, enctype))
        name = given.get("name")
        if tag == "input" and name:
            self._input(name, given)
        elif tag == "textarea":
            self._textarea = name
            self._set(name, "")
        elif tag == "select":
            self._select = name
        elif tag == "option" and ("selected" in given or self._is_first_option()):
            self._set(self._select, given.get("value") or "")

    def handle_endtag(self, tag: str) -> None:
        if tag == "textarea":
            self._textarea = None
        elif tag == "select":
            self._select = None

    def handle_data(self, data: str) -> None:
        if self._textarea is not None:
            self._set(self._textarea, data.removeprefix("\n"))

    def _input(self, name: str, given: Mapping[str, str | None]) -> None:
        kind = given.get("type") or "text"
        if kind in ("checkbox", "radio"):
            if "checked" in given:
                self._add(name, given.get("value") or "on")
        elif kind not in ("submit", "button", "image", "file", "reset"):
            value = given.get("value") or ""
            if self.forms and name in self.forms[-1].fields:
                self._add(name, value)  # one field for each element of a list
            else:
                self._set(name, value)

    def _is_first_option(self) -> bool:
        return bool(self.forms) and self._select not in (None, *self.forms[-1].fields)

    def _set(self, name: str | None, value: str) -> None:
        if self.forms and name:
            self.forms[-1].fields[name] = value

    def _add(self, name: str, value: str) -> None:
        if self.forms:
            known = self.forms[-1].fields.get(name, [])
            before = [known] if isinstance(known, str) else known
            self.forms[-1].fields[name] = [*before, value]
