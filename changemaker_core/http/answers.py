"""Answers: what a responder returned, or what went wrong, as status, headers and bytes."""

from __future__ import annotations

import logging
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote

import falcon
import msgspec

from changemaker_core.text import Text
from changemaker_core.web.pages import Page, Redirect

if TYPE_CHECKING:
    from changemaker_core.http.errors import FieldError, Problem
    from changemaker_core.http.request import Exchange, Request, Response
    from changemaker_core.web import Translations

log = logging.getLogger(__name__)

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
HTML = "text/html; charset=utf-8"
#: Characters that an address may hold as they are; what is not here is percent-encoded.
_IN_ADDRESS = "/:?#[]@!$&'()*+,;=%~-._"

STATUS_LINES = {code: falcon.code_to_http_status(code) for code in range(200, 600)}


class Answer(NamedTuple):
    """A whole answer, ready to be sent."""

    status: int
    headers: tuple[tuple[str, str], ...]
    body: bytes


def fill(req: Request, resp: Response, answer: Any, status: int) -> None:
    """Put what a responder returned into Falcon's response."""
    if answer is None:
        _set_status(resp, status)
    elif isinstance(answer, Page):
        _page(req, resp, answer)
    elif isinstance(answer, Redirect):
        _redirect(req, resp, answer)
    else:
        _set_status(resp, status)
        if isinstance(answer, bytes):
            resp.data = answer
        else:
            resp.data = _encoder(req.site.translations, req.locale).encode(answer)
            resp.content_type = JSON


@lru_cache(maxsize=64)
def _encoder(translations: Translations, locale: str) -> msgspec.json.Encoder:
    """Writes JSON; a ``Text`` in it is in the reader's language."""

    def translate(value: Any) -> str:
        if isinstance(value, Text):
            return translations.translate(value, locale)
        raise NotImplementedError(f"{type(value).__name__} cannot be written as JSON")

    return msgspec.json.Encoder(enc_hook=translate)


def _set_status(resp: Response, status: int) -> None:
    # What a responder has set itself stays; 200 is what Falcon begins with.
    if status != 200 and resp.status_code == 200:
        resp.status = STATUS_LINES[status]


def _page(req: Request, resp: Response, page: Page) -> None:
    text = req.site.templates.render(
        page.template,
        page.context,
        locale=req.locale,
        root_path=req.root_path,
        query=req.query_string,
    )
    resp.status = STATUS_LINES[page.status]
    resp.data = text.encode()
    resp.content_type = HTML
    _add_headers(resp, page.headers)


def _redirect(req: Request, resp: Response, redirect: Redirect) -> None:
    resp.status = STATUS_LINES[redirect.status]
    resp.data = b""
    _add_headers(resp, redirect.headers)
    resp.set_header("Location", location(redirect.location, req.root_path))


def _add_headers(resp: Response, headers: tuple[tuple[str, str], ...]) -> None:
    for name, value in headers:
        if name.lower() == "set-cookie":
            resp.append_header(name, value)
        else:
            resp.set_header(name, value)


def location(target: str, root_path: str) -> str:
    """An address for a ``Location`` header: a path of this site gets the mount prefix.

    A path that a browser would read as another site's address (``//elsewhere``, ``/\\elsewhere``)
    stays within this one.
    """
    if target.startswith(("/", "\\")):
        target = root_path + "/" + target.lstrip("/\\")
    return quote(target, safe=_IN_ADDRESS)


def redirection(redirect: Redirect, root_path: str) -> Answer:
    """A redirect that no responder has a part in."""
    target = ("location", location(redirect.location, root_path))
    return Answer(redirect.status, (target, *redirect.headers), b"")


def problem(exchange: Exchange, error: Problem, *, html: bool, root_path: str = "") -> Answer:
    """An error as RFC 9457 JSON, or as a page for people, in the reader's language."""
    headers = (("vary", "Accept, Accept-Language"), ("cache-control", "no-store"), *error.headers)
    if html and (text := _error_page(exchange, error, root_path)) is not None:
        return Answer(error.status, (("content-type", HTML), *headers), text.encode())
    body = msgspec.json.encode(_problem_details(exchange, error))
    return Answer(error.status, (("content-type", PROBLEM_JSON), *headers), body)


def _problem_details(exchange: Exchange, error: Problem) -> dict[str, Any]:
    details: dict[str, Any] = {
        "type": "about:blank",
        "title": _said(exchange, error.title),
        "status": error.status,
        "code": error.code,
        "request_id": exchange.request_id,
    }
    if error.detail:
        details["detail"] = _said(exchange, error.detail)
    if error.errors:
        details["errors"] = [_field_details(exchange, each) for each in error.errors]
    return details


def _field_details(exchange: Exchange, error: FieldError) -> dict[str, str]:
    return {
        "in": error.where,
        "field": error.field,
        "message": _said(exchange, error.message),
    }


def _said(exchange: Exchange, text: str) -> str:
    return exchange.site.translations.translate(text, exchange.locale)


def _error_page(exchange: Exchange, error: Problem, root_path: str) -> str | None:
    context = {
        "status": error.status,
        "title": error.title,
        "detail": error.detail,
        "errors": error.errors,
        "request_id": exchange.request_id,
    }
    try:
        return exchange.site.templates.render(
            "error.html", context, locale=exchange.locale, root_path=root_path
        )
    except Exception:
        # Whatever is wrong with the page, the error itself must still be told.
        log.exception("the error page failed", extra={"request_id": exchange.request_id})
        return None


def wants_html(accept: str, path: str) -> bool:
    """Whether an error is for a person: what Accept prefers, else whether this is a page's path.

    >>> wants_html("*/*", "/campaigns"), wants_html("*/*", "/api/campaigns")
    (True, False)
    """
    html, json = accept.find("text/html"), accept.find("json")
    if html != json:
        return json == -1 or -1 < html < json
    return path != "/api" and not path.startswith("/api/")
