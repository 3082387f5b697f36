"""The ASGI callable in front of Falcon: one pass does what ten middlewares would do."""

from __future__ import annotations

import asyncio
import logging
import math
from time import perf_counter
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from changemaker_core.cache import CachedResponse
from changemaker_core.config.site_files import HIDDEN_PROXY, private_folder
from changemaker_core.config.urls import is_public_host
from changemaker_core.http import rendering
from changemaker_core.http.access_log import AccessLog
from changemaker_core.http.endpoint.guard import endpoint_of
from changemaker_core.http.errors import BadRequest, ClientGone
from changemaker_core.http.heads.cors import Cors
from changemaker_core.http.heads.framing import head_problem
from changemaker_core.http.heads.proxies import OF_PROXIES, Proxies, forwarded_values
from changemaker_core.http.request import (
    NO_ROUTE,
    REMEMBERED_BYTES,
    Request,
    RequestIds,
    Visitors,
    inner_path,
    tidy_path,
)
from changemaker_core.http.response import Sender, cacheable, is_not_modified, send_cached
from changemaker_core.limits.windows import Rate, visitor_key
from changemaker_core.shared.windows import window_for
from changemaker_core.web import languages
from changemaker_core.web.pages import Redirect

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_core.cache import CompleteResponse
    from changemaker_core.http.endpoint import Endpoint
    from changemaker_core.http.request import Receive, Send
    from changemaker_core.http.routing import FalconApp
    from changemaker_core.site import Site

    Scope = dict[str, Any]

log = logging.getLogger(__name__)

_READS = frozenset({"GET", "HEAD"})
#: Methods that are counted by name; all others count as one.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: Never a visitor's address: an operator's, or that of a proxy that is not configured.
_LOOPBACK = frozenset({"127.0.0.1", "::1"})
#: Values of ``Host`` that were found well-formed and need no second look.
_REMEMBERED_HOSTS = 100
#: Seconds after which a hidden proxy is reported to ``doctor`` again.
_DAY = 86_400.0
#: The status that is counted where the client went away before a response was sent.
_CLIENT_CLOSED = 499
#: Where ``cached_response`` leaves the request for ``__call__``, in the server's scope.
_PARSED = "changemaker.parsed"
#: Seconds after which ``OncePerTurn`` checks again though the loop has not turned: within one
#: process, as in a test, code may write without yielding to the loop, but no write is faster.
_LONGEST_TURN = 0.0001


class Edge:
    """A site as an ASGI application: ``await edge(scope, receive, send)``.

    In order: the cache, redirects, limits, the route's responder, and for every response its
    headers, the access log and metrics.
    """

    def __init__(self, falcon_app: FalconApp, site: Site) -> None:
        self.site = site
        self.access_log = AccessLog(site.config)
        self._slow_seconds = site.config.log_slow_request_seconds or math.inf
        #: Whether the lifespan has begun, or its absence was reported.
        self.started = False
        self._falcon = falcon_app
        self._cache = site.cache
        self._caches = site.config.cache_bytes > 0
        self._hosts: set[bytes] = set()
        #: For the server: connections that this process holds open at once.
        self.max_connections = site.config.max_connections
        self._changes = OncePerTurn(site.db.changes.check)
        self._settings = site.settings
        self._cors = Cors(
            site.config.cors_origins,
            site.config.cors_credentials,
            site.authentication.own_headers,
        )
        self._proxies = Proxies(site.config.trusted_proxies)
        self._proxy_noted: float | None = None
        # A site has no TLS of its own: a proxy stands before such an address.
        self._public = _is_public(site.config.base_url)
        self._ids = RequestIds()
        self._visitors = Visitors(site.translations)
        self._credentials = site.authentication.credentials
        self._api_window = window_for(site, Rate(site.config.api_rate_limit, 60), "api")
        self._page_window = window_for(site, Rate(site.config.page_rate_limit, 60), "page")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Respond to one request, or run the lifespan."""
        if scope["type"] == "lifespan":
            await self._falcon(scope, receive, send)
            return
        if scope["type"] != "http":
            # Live updates are server-sent events: there is nothing to open a socket to.
            await send({"type": "websocket.close", "code": 1008, "reason": ""})
            return
        began = perf_counter()
        req: Request | None = scope.pop(_PARSED, None)
        if req is None:
            req = self._parse(scope)
        elif req.scope is not scope:  # a proxy's: copied before the server had offered anything
            req.scope["extensions"] = scope.get("extensions", {})
        cached = self._cached(req) if req.cache_key is not None else None
        if cached is not None:
            # PERF(cached): nothing of what follows for other requests is needed here.
            status = await send_cached(cached, req, req.method, send)
            seconds = perf_counter() - began
            self._record(req, req.method, cached.route, status, seconds, seconds, cached=True)
            return
        if not self.started:
            self._report_no_lifespan()
        req.scope = {**req.scope, "path": req.path, "root_path": req.root_path}
        req.extra_headers, req.receive, req._body = [], receive, None
        req.streamed, req.uploads = None, []
        sender = Sender(req, send)
        try:
            await self._respond(req, sender)
        except ClientGone:
            pass
        except Exception as error:
            await sender.send_problem(rendering.problem_of(error, req))
        finally:
            for upload in req.uploads:
                upload.close()
            ended = perf_counter()
            head = sender.started or ended
            if req.streamed is not None and req.streamed.is_endless:
                ended = head
            req.streamed = None  # what it holds is not to wait for the request to be collected
            method = sender.method if sender.method in _METHODS else "other"
            status = sender.status or _CLIENT_CLOSED
            self._record(req, method, req.route, status, head - began, ended - began)

    def _report_no_lifespan(self) -> None:
        """Report, once, a host application that mounts this one and does not run its lifespan."""
        self.started = True
        log.error(
            "requests arrive, and the site's lifespan was not run: it does not learn what other "
            "processes write, and runs no plugin's lifespan and no jobs. Run `app.lifespan()` "
            "with the host application's own; docs/guides/mount.md shows how."
        )

    def _report_proxy(self) -> None:
        """Report a proxy on this machine that is not configured: to the log once, and to
        ``doctor`` each day."""
        now = perf_counter()
        if self._proxy_noted is None:
            log.warning(
                "a proxy on this machine passes requests on, and trusted_proxies does not name it: "
                "every visitor has its address, no limit tells them apart, and their connections "
                'count as unencrypted. Set trusted_proxies = ["127.0.0.1", "::1"], and let the '
                "proxy send Host, X-Forwarded-For and X-Forwarded-Proto."
            )
        elif now - self._proxy_noted < _DAY:
            return
        self._proxy_noted = now
        try:
            (private_folder(self.site.run_folder) / HIDDEN_PROXY).touch(mode=0o600)
        except OSError as error:
            log.warning("`changemaker doctor` cannot be told of it: %s", error)

    def _is_from_proxy(self, req: Request) -> bool:
        """Return whether a request of this machine shows that a proxy has passed it on.

        nginx adds no header by itself. Until 1.29.7 it spoke HTTP/1.0, as no browser does; and a
        site with a public address is not visited by a browser on its own machine.
        """
        raw = req.raw_headers
        if not OF_PROXIES.isdisjoint(raw):
            return True
        return b"accept-language" in raw and (
            self._public or req.scope.get("http_version") == "1.0"
        )

    def _report_slow(self, req: Request, seconds: float) -> None:
        """Log a request that waited long for its response to begin.

        Where the body is streamed, it is the visitor's upload that takes time.
        """
        spec = _declaration(req)
        if spec is None or spec.streams is None:
            extra = {"request_id": req.request_id}
            log.warning("a request took %.1f s: %s %s", seconds, req.method, req.route, extra=extra)

    def visitor_of(self, client: tuple[str, int] | None) -> str | None:
        """Return whom a connection counts for; ``None`` for a proxy, or this machine."""
        address, proxied = self._proxies.origin({"client": client, "headers": ()})
        return None if proxied or address in _LOOPBACK else visitor_key(address)

    def cached_response(self, scope: Scope) -> tuple[bytes, bytes] | None:
        """Return the head and body of a cached response, as HTTP/1.1 writes them.

        ``None`` where the application must be called. A server that asks this first saves ASGI's
        messages and a task; the head lacks only what the server adds itself, and the empty line.
        """
        if scope["method"] != "GET":
            return None
        began = perf_counter()
        req = self._parse(scope)
        cached = self._cached(req) if req.cache_key is not None else None
        if cached is None:
            # PERF(once): the application need not parse it again.
            scope[_PARSED] = req
            return None
        status, head, body = 200, cached.head, cached.body
        if is_not_modified(req, cached):
            status, head, body = 304, cached.head_not_modified, b""
        seconds = perf_counter() - began
        self._record(req, "GET", cached.route, status, seconds, seconds, cached=True)
        return b"%sx-request-id: %s\r\n" % (head, req.id_bytes), body

    def _parse(self, scope: Scope) -> Request:
        client_ip, proxied = self._proxies.origin(scope)
        if proxied:
            scope = {**scope, **forwarded_values(scope)}
        headers = dict(scope["headers"])
        locale, identified = self._visitors.of(
            headers.get(b"accept-language"), headers.get(b"cookie")
        )
        query = scope["query_string"]
        if b"hl=" in query:  # the address of the page in one language
            named = languages.shown_in(query.decode("latin-1"), self.site.translations.locales)
            locale = named or locale
        # PERF(cached): Falcon's own part stays empty until a responder is called.
        req = object.__new__(Request)
        req.scope, req.raw_headers, req.site = scope, headers, self.site
        req.client_ip, req.proxied, req.locale, req.actor = client_ip, proxied, locale, None
        req.session = req.form_token = req.sign_in = req.held_back = None
        req.method = method = scope["method"]
        req.is_head = method == "HEAD"
        req.root_path, req.path = prefix, path = inner_path(scope)
        # Where a header came twice, one of them is not in `headers`: take no chances.
        req.has_credentials = (
            identified
            or len(headers) != len(scope["headers"])
            or not self._credentials.isdisjoint(headers)
        )
        accepted = RequestIds.accept(headers.get(b"x-request-id")) if proxied else None
        req.id_bytes = accepted or self._ids.new()
        origin = headers.get(b"origin")
        req.cors = self._cors.headers(path, origin)
        req.cache_key = None
        readable = method in _READS and b"transfer-encoding" not in headers
        if self._caches and readable and not req.has_credentials:
            host = headers.get(b"host", b"")
            if len(host) + len(query) + len(path) <= REMEMBERED_BYTES:
                # An origin that may read it has a response of its own, which names it.
                names = (host, origin) if len(req.cors) > 1 else host
                req.cache_key = (path, query, locale, prefix, scope.get("scheme"), names)
        return req

    def _cached(self, req: Request) -> CachedResponse | None:
        """Return the cached response, after dropping what changed until now."""
        if req.cache_key not in self._cache:
            return None
        try:
            self._changes.check()
        except Exception:
            # ``_respond`` checks again, where an error becomes a response.
            log.debug("the cache was not used", exc_info=True)
            return None
        return self._cache.get(req.cache_key)

    async def _respond(self, req: Request, sender: Sender) -> None:
        """Find the route and send its response; raises what the responder raises."""
        req.body_limit = req.memory_limit = self.site.config.max_body_bytes
        req.cache_seconds = None
        # PostgreSQL's text cannot hold U+0000: nothing has such a name. And Falcon overlooks
        # slashes at the beginning: //api/… would be the API, and no rule for /api/ would see it.
        odd = "\x00" in req.path or req.path.startswith("//")
        req.matched = None if odd else self._falcon.router.find(req.path)
        if req.matched and "" in req.matched[2].values():
            req.matched = None  # /campaigns/ is /campaigns, and not a campaign without a slug
        req.route = (req.matched[3] if req.matched else None) or NO_ROUTE
        raw = req.raw_headers
        if raw.get(b"host") not in self._hosts or len(raw) != len(req.scope["headers"]):
            self._check_head(req)
        elif b"transfer-encoding" in raw:
            self._check_head(req)
        if (preflight := self._cors.preflight(req)) is not None:
            await sender.send(preflight)
            return
        if req.method in _READS and (redirect := self._redirect(req)) is not None:
            await sender.send(rendering.redirection(req, redirect))
            return
        # NOTE(proxied): behind a proxy, loopback is a visitor whose address was not forwarded.
        is_local = req.client_ip in _LOOPBACK and not req.proxied
        if not is_local and req.route not in self._falcon.delivery:
            if req.path.startswith("/api/"):
                req.count(self._api_window, "api")
            elif not req.path.startswith("/static/"):
                req.count(self._page_window, "page")
        elif is_local and self._is_from_proxy(req):
            self._report_proxy()
        spec = _declaration(req)
        if spec is not None and spec.max_body is not None:
            req.body_limit = spec.max_body
            if spec.streams is None:
                req.memory_limit = spec.max_body
        try:  # Falcon decodes it before anything could handle what goes wrong.
            req.scope["query_string"].decode()
        except UnicodeDecodeError:
            raise BadRequest from None
        if (length := req.raw_headers.get(b"content-length")) is not None:
            req.check_length(length)
        settings = self._settings
        if req.cache_key is None or spec is None or spec.cache is None:
            if settings.read != settings.written:
                await settings.refresh()
            response = await self._falcon.respond(req, sender.forward)
            if req.streamed is not None and response is not None:
                await req.streamed.send(req, response.headers, sender)
            elif response is not None:
                await sender.send(response)
            return

        async def fill() -> CompleteResponse:
            if settings.read != settings.written:
                await settings.refresh()
            response = await self._falcon.respond(req, sender.forward)
            if response is None or req.streamed is not None:
                raise TypeError(f"{req.route}: a cached response cannot be a stream")
            return cacheable(response, req, spec.varies)

        self._changes.check()
        found = await self._cache.get_or_fill(req.cache_key, spec.cache, fill)
        if isinstance(found, CachedResponse):
            await sender.send_cached(found)
        else:
            req.cors = ()  # it has them already, from ``cacheable``
            await sender.send(found)

    def _check_head(self, req: Request) -> None:
        """Raise ``Problem`` for a head that two servers could understand differently."""
        if (problem := head_problem(req.scope)) is not None:
            raise problem
        host = req.raw_headers.get(b"host")
        # PERF: sites have few names. What visitors make up must not fill the memory.
        if host is not None and len(self._hosts) < _REMEMBERED_HOSTS:
            self._hosts.add(host)

    def _redirect(self, req: Request) -> Redirect | None:
        """Return where to go instead: without ``?lang=``, or to the address as it is written."""
        query = req.scope["query_string"].decode("latin-1")
        if "lang=" in query and not req.path.startswith("/api/"):
            redirect = languages.switch(
                req.path,
                query,
                available=self.site.translations.locales,
                root_path=req.root_path,
                secure=req.is_secure,
            )
            if redirect is not None:
                return redirect
        if req.matched is None:
            tidy = tidy_path(req.path)
            if tidy != req.path and self._falcon.router.find(tidy) is not None:
                return Redirect(f"{tidy}?{query}" if query else tidy, status=308)
        return None

    def _record(
        self,
        req: Request,
        method: str,
        route: str,
        status: int,
        waited: float,
        seconds: float,
        *,
        cached: bool = False,
    ) -> None:
        """Count the request and write it to the access log.

        ``waited`` is the time until the head of a streamed response, whose client decides how long
        the rest takes; of any other, it is the same as ``seconds``.
        """
        if waited > self._slow_seconds:
            self._report_slow(req, waited)
        self.site.metrics.observe_request(method, route, status, waited)
        user = None if req.actor is None else req.actor.id
        self.access_log.add(
            method, route, req.path, status, seconds, req.id_bytes, req.client_ip, user, cached
        )


def _is_public(base_url: str) -> bool:
    parts = urlsplit(base_url)
    return parts.scheme == "https" or is_public_host(parts.hostname or "")


def _declaration(req: Request) -> Endpoint | None:
    """Return the responder's declaration; the responder of GET serves HEAD."""
    if req.matched is None:
        return None
    responders = req.matched[1]
    if req.method == "HEAD" and endpoint_of(responders.get("HEAD")) is None:
        req.method = req.scope["method"] = "GET"
    return endpoint_of(responders.get(req.method))


class OncePerTurn:
    """Calls ``check`` at most once in a turn of the event loop.

    Every request that runs before the end of the turn was waiting when the check was made: it
    had arrived by then, and can depend on no later write. So a check is as good for it as
    one of its own, and under load dozens of requests share one.
    """

    def __init__(self, check: Callable[[], None]) -> None:
        self._check = check
        self._valid_until = 0.0

    def check(self) -> None:
        """Make sure that a check was made since this request arrived."""
        now = perf_counter()
        if now >= self._valid_until:
            self._check()
            asyncio.get_running_loop().call_soon(self._end)
            self._valid_until = now + _LONGEST_TURN

    def _end(self) -> None:
        self._valid_until = 0.0
