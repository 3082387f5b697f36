"""Rendering: what a responder returned or raised, as status, headers and bytes."""

from __future__ import annotations

import logging
import re
import traceback
from functools import lru_cache
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from urllib.parse import quote, urlsplit

import falcon
import msgspec

from changemaker_core.cache import CompleteResponse
from changemaker_core.db import (
    DatabaseUnavailable,
    InvalidId,
    LimitReached,
    MomentOutOfRange,
    RowNotFound,
)
from changemaker_core.http.errors import (
    BadRequest,
    FieldError,
    Invalid,
    NotFound,
    Problem,
    TooLarge,
    TooManyRequests,
    Unavailable,
    UnsupportedMediaType,
)
from changemaker_core.http.heads.proxies import OF_PROXIES
from changemaker_core.http.sessions import Flash, csrf
from changemaker_core.http.streams.streamed import Streamed
from changemaker_core.plugin.errors import exception_line
from changemaker_core.plugin.places import is_authors
from changemaker_core.signing import BadSignature
from changemaker_core.text import Text
from changemaker_core.web.images.errors import ImageRejected, ImagesUnavailable
from changemaker_core.web.menu import menu_counts
from changemaker_core.web.pages import Redirect, TemplateResponse

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from changemaker_core.http.request import Request, Response
    from changemaker_core.http.sessions import FlashMessage
    from changemaker_core.web import Translations

log = logging.getLogger(__name__)

JSON = "application/json"
PROBLEM_JSON = "application/problem+json"
HTML = "text/html; charset=utf-8"
#: Characters of an address that are not percent-encoded.
_IN_ADDRESS = "/:?#[]@!$&'()*+,;=%~-._"

#: Seconds after which a retry is worthwhile while a database restarts.
_DATABASE_RETRY = "2"
#: Seconds in which the images that wait are done.
_IMAGES_RETRY = "30"
#: Codes and titles for what Falcon itself rejects.
_OF_FALCON = {
    405: ("method_not_allowed", Text("This method is not allowed here.")),
    **{
        each.known_status: (each.known_code, each.known_title)
        for each in (BadRequest, NotFound, TooLarge, UnsupportedMediaType)
    },
}

STATUS_LINES = {code: falcon.code_to_http_status(code) for code in range(200, 600)}


def fill(
    req: Request, resp: Response, value: Any, status: int, produces: str | None = None
) -> None:
    """Fill Falcon's response with the value that a responder returned, except for a page.

    ``produces`` is the content type of text and bytes.
    """
    if isinstance(value, Redirect):
        _redirect(req, resp, value)
        return
    if isinstance(value, Streamed):
        req.streamed = value
        return
    # A status that the responder has set itself stays; 200 is what Falcon begins with.
    if status != 200 and resp.status_code == 200:
        resp.status = STATUS_LINES[status]
    if produces is not None and isinstance(value, str | bytes):
        _fill_content(resp, value, produces)
    elif isinstance(value, bytes):
        resp.data = value
    elif value is not None:
        resp.data = json(value, req)
        resp.content_type = JSON


def json(value: Any, req: Request) -> bytes:
    """Return ``value`` as JSON, in the reader's language."""
    return _encoder(req.site.translations, req.locale).encode(value)


def _fill_content(resp: Response, value: str | bytes, produces: str) -> None:
    if isinstance(value, str):
        value = value.encode()
        if "charset" not in produces and produces.startswith("text/"):
            produces += "; charset=utf-8"
    resp.data = value
    resp.content_type = produces


@lru_cache(maxsize=64)
def _encoder(translations: Translations, locale: str) -> msgspec.json.Encoder:
    """Return an encoder that translates each ``Text`` into the reader's language."""

    def translate(value: Any) -> str:
        if isinstance(value, Text):
            return translations.translate(value, locale)
        raise NotImplementedError(f"{type(value).__name__} cannot be written as JSON")

    return msgspec.json.Encoder(enc_hook=translate)


async def page(
    req: Request, resp: Response, page: TemplateResponse, *, cached: bool, public: bool = True
) -> None:
    """Fill Falcon's response with a page. Messages that it showed are deleted.

    ``cached``: the page is the same for every visitor, and may use nothing that belongs to one.
    ``public``: it has no organisers' menu, whose counts would be read in vain.
    """
    flash = Flash(() if cached else await _messages(req))
    own: dict[str, Any] = {"actor": req.actor, "csrf": csrf.field(req), "flash": flash}
    if req.actor is not None and not public:
        own["menu_counts"] = await menu_counts(req.site, req.actor)
    text = req.site.templates.render(
        page.template,
        page.context,
        locale=req.locale,
        root_path=req.root_path,
        path=req.path,
        query=req.query_string,
        of_visitor=None if cached else own,
        metadata=page.metadata,
    )
    if flash.shown and flash and req.session is not None:
        await req.session.store.forget_messages(flash)
    resp.status = STATUS_LINES[page.status or (422 if page.shows_errors() else 200)]
    resp.data = text.encode()
    resp.content_type = HTML
    _add_headers(resp, page.headers)


async def _messages(req: Request) -> Sequence[FlashMessage]:
    # A page that a browser fetches ahead may never be seen, and one of HEAD is not.
    if req.session is None or req.is_head or b"sec-purpose" in req.raw_headers:
        return ()
    return await req.session.store.messages(req.session.id)


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
    """Return an address for a ``Location`` header: a path of this site gets the mount prefix.

    A path that a browser would read as another site's address (``//elsewhere``, ``/\\elsewhere``)
    stays within this one.
    """
    if target.startswith(("/", "\\")):
        target = root_path + "/" + target.lstrip("/\\")
    return quote(target, safe=_IN_ADDRESS)


def redirection(req: Request, redirect: Redirect) -> CompleteResponse:
    """Return a redirect that the edge itself decides on."""
    target = ("location", location(redirect.location, req.root_path))
    return _complete(redirect.status, (target, *redirect.headers), b"")


def problem(req: Request, error: Problem) -> CompleteResponse:
    """Return an error as RFC 9457 JSON, or as a page for people, in the reader's language."""
    sign_in = _sign_in_address(req) if error.status == 401 else None
    if sign_in is not None and req.method == "GET":
        return redirection(req, Redirect(sign_in, headers=(("cache-control", "no-store"),)))
    if error.remedy is not None and req.method == "GET" and _is_person(req):
        return redirection(req, Redirect(error.remedy, headers=(("cache-control", "no-store"),)))
    headers = (("vary", "Accept, Accept-Language"), ("cache-control", "no-store"), *error.headers)
    if error.status == 401:
        headers += tuple(("www-authenticate", each) for each in req.site.authentication.challenges)
    accept = req.raw_headers.get(b"accept", b"").decode("latin-1")
    if wants_html(accept, req.path) and (page := _error_page(req, error, sign_in)):
        return _complete(error.status, (("content-type", HTML), *headers), page.encode())

    def translated(text: str) -> str:
        return req.site.translations.translate(text, req.locale)

    details: dict[str, Any] = {
        "type": "about:blank",
        "title": translated(error.title),
        "status": error.status,
        "code": error.code,
        "request_id": req.request_id,
    }
    if error.detail:
        details["detail"] = translated(error.detail)
    if error.errors:
        details["errors"] = [
            {"in": each.where, "field": each.field, "message": translated(each.message)}
            for each in error.errors
        ]
    if found := _details(req, error):
        details["debug"] = found
    body = msgspec.json.encode(details)
    return _complete(error.status, (("content-type", PROBLEM_JSON), *headers), body)


def _complete(status: int, headers: Iterable[tuple[str, str]], body: bytes) -> CompleteResponse:
    pairs = [(name.lower().encode(), value.encode()) for name, value in headers]
    return CompleteResponse(status, pairs, body)


def problem_of(error: Exception, req: Request) -> Problem:
    """Return ``error`` as the visitor may see it; an unexpected one is logged, and is a 500."""
    if isinstance(error, Problem):
        return error
    if isinstance(error, LimitReached):
        return TooManyRequests.of(error)
    if isinstance(error, ImageRejected):
        return Invalid([FieldError("", error.reason)], code="image_rejected")
    if isinstance(error, ImagesUnavailable):
        headers = [("Retry-After", _IMAGES_RETRY)]
        return Unavailable(code="images_unavailable", headers=headers)
    if isinstance(error, BadSignature):
        return NotFound(Text("This link is not valid any more."))
    if isinstance(error, RowNotFound | InvalidId):
        # `{id}` in a path may be any text; nothing is there under one that is no id.
        return NotFound()
    if isinstance(error, MomentOutOfRange):
        # With the offset that was sent it is before the year 1 or after 9999.
        return BadRequest(Text("Enter a date and time such as 2026-05-31T18:00:00Z."))
    if isinstance(error, DatabaseUnavailable):
        req.site.db.trouble.failed(error)
        headers = [("Retry-After", _DATABASE_RETRY)]
        return Unavailable(code="database_unavailable", headers=headers)
    if isinstance(error, falcon.HTTPError):
        code = re.sub(r"[^a-z0-9]+", "_", error.title.lower()).strip("_")
        code, title = _OF_FALCON.get(error.status_code, (code, error.title))
        headers = list(dict(error.headers or {}).items())
        return Problem(error.status_code, code, title, detail=error.description, headers=headers)
    log.error("a request failed", exc_info=error, extra={"request_id": req.request_id})
    problem = Problem(500, "internal_error", Text("Something went wrong on our side."))
    problem.__cause__ = error
    return problem


def _details(req: Request, error: Problem) -> list[str]:
    """Return the lines of a traceback that a developer sees: on this machine, in development.

    A proxy would make every visitor look like one of this machine.
    """
    unexpected = error.__cause__ if error.status == 500 else None
    if unexpected is None or not req.site.config.development or not _is_developers(req):
        return []
    frames = traceback.extract_tb(unexpected.__traceback__)
    shown = [frame for frame in frames if is_authors(frame.filename)] or frames
    written = "".join(traceback.format_list(shown))
    return [*written.splitlines(), *exception_line(unexpected).splitlines()]


def _is_developers(req: Request) -> bool:
    """Return whether a program on this machine sent the request, to this machine, by itself."""
    if not OF_PROXIES.isdisjoint(req.raw_headers) or not ip_address(req.client_ip).is_loopback:
        return False
    if req.scope.get("http_version") == "1.0":  # as nginx sends it, which adds no header by itself
        return False
    # A hostile page may point its own name to this machine.
    host = urlsplit(f"//{req.raw_headers.get(b'host', b'').decode('latin-1')}").hostname
    return host in ("127.0.0.1", "localhost", "::1")


def _sign_in_address(req: Request) -> str | None:
    """Return where a person with a browser signs in, to see this page then.

    ``None`` for a program: it has sent a header, or calls the API.
    """
    if not _is_person(req):
        return None
    # The address of a form that was sent need not be a page: after sign-in, the first page follows.
    query = req.scope["query_string"].decode("latin-1")
    path = "" if req.method != "GET" else f"{req.path}?{query}" if query else req.path
    return req.site.authentication.sign_in_address(path)


def _is_person(req: Request) -> bool:
    accept = req.raw_headers.get(b"accept", b"").decode("latin-1")
    if req.path.startswith("/api/") or not wants_html(accept, req.path):
        return False
    return b"authorization" not in req.raw_headers and b"x-api-key" not in req.raw_headers


def _error_page(req: Request, error: Problem, sign_in: str | None) -> str | None:
    context = {
        "status": error.status,
        "title": error.title,
        "detail": error.detail,
        "errors": error.errors,
        "request_id": req.request_id,
        "sign_in": sign_in,
        "debug": _details(req, error),
    }
    try:
        return req.site.templates.render(
            "error.html", context, locale=req.locale, root_path=req.root_path
        )
    except Exception:
        # The error itself must still be reported: as JSON.
        log.exception("the error page failed", extra={"request_id": req.request_id})
        return None


def wants_html(accept: str, path: str) -> bool:
    """Return whether an error is shown as a page: as Accept prefers, else by the path.

    >>> wants_html("*/*", "/campaigns"), wants_html("*/*", "/api/campaigns")
    (True, False)
    """
    html, json = accept.find("text/html"), accept.find("json")
    if html != json:
        return json == -1 or -1 < html < json
    return path != "/api" and not path.startswith("/api/")
