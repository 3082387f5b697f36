"""The one ASGI callable in front of Falcon: what middlewares would do in ten passes, in one."""

from __future__ import annotations

from time import perf_counter
from typing import TYPE_CHECKING, Any

from changemaker_core.cache import CachedResponse, CompleteResponse
from changemaker_core.http import answers, dispatch, guards
from changemaker_core.http.access_log import AccessLog, user_of
from changemaker_core.http.arrivals import (
    CREDENTIALS,
    REMEMBERED_BYTES,
    Arrival,
    RequestIds,
    Visitors,
    inner_path,
    tidy_path,
)
from changemaker_core.http.decoding import ClientGone
from changemaker_core.http.endpoint import declared
from changemaker_core.http.errors import BadRequest
from changemaker_core.http.proxies import Proxies, seen_from_outside
from changemaker_core.http.refusals import problem_of
from changemaker_core.http.request import SCOPE_KEY, Exchange
from changemaker_core.http.transit import Transit, bounded, send_entry, shareable
from changemaker_core.http.turns import OncePerTurn
from changemaker_core.limits.memory import Rate
from changemaker_core.shared.windows import window_for
from changemaker_core.web import languages
from changemaker_core.web.pages import Redirect

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from changemaker_core.http.endpoint import Endpoint
    from changemaker_core.http.routing import FalconApp
    from changemaker_core.site import Site

    Scope = dict[str, Any]
    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

_READS = frozenset({"GET", "HEAD"})
#: Methods that are counted by name; whatever else a client makes up is one kind.
_METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
#: A visitor is never at these addresses: an operator is, or a proxy that nobody configured.
_LOOPBACK = frozenset({"127.0.0.1", "::1"})
#: How a request is counted whose client went away before there was an answer.
_GONE = 499
#: Where ``ready`` leaves what it found out about a request, in a server's scope.
_ARRIVAL = "changemaker.arrival"
#: The route of a request that none answers.
NO_ROUTE = "(none)"


class Edge:
    """Answers for a site: ``await edge(scope, receive, send)``."""

    def __init__(self, falcon_app: FalconApp, site: Site) -> None:
        self.site = site
        self.access_log = AccessLog()
        self._falcon = falcon_app
        self._router = falcon_app.router
        self._cache = site.cache
        self._keeps_answers = site.config.cache_bytes > 0
        self._changes = OncePerTurn(site.db.changes.check)
        self._metrics = site.metrics
        self._proxies = Proxies(site.config.trusted_proxies)
        self._ids = RequestIds()
        self._visitors = Visitors(site.translations)
        self._api_window = window_for(site, Rate(site.config.api_rate_limit, 60), "api")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer one request, or run the lifespan."""
        if scope["type"] != "http":
            await self._other(scope, receive, send)
            return
        began = perf_counter()
        arrival = scope.pop(_ARRIVAL, None)
        if arrival is None:
            arrival = self._arrive(scope)
        elif arrival.scope is not scope:  # a proxy's: copied before the server had offered anything
            arrival.scope["extensions"] = scope.get("extensions", {})
        entry = self._kept(arrival.key) if arrival.key is not None else None
        if entry is None:
            await self._handle(arrival, receive, send, began)
            return
        # PERF(cached): nothing of what follows for other requests is needed here.
        status = await send_entry(entry, arrival, send)
        self._note_kept(entry, arrival, scope["method"], status, perf_counter() - began)

    async def _other(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._falcon(scope, receive, send)
        else:
            # Live updates are server-sent events: there is nothing to open a socket to.
            await send({"type": "websocket.close", "code": 1008, "reason": ""})

    def ready(self, scope: Scope) -> tuple[bytes, bytes] | None:
        """The answer to a request where it is kept: head and body, as HTTP/1.1 writes them.

        ``None`` where the request must take the ordinary way. A server that asks this first spares
        a cached answer ASGI's messages and task; the head lacks only what the server adds itself,
        and the empty line after it.
        """
        if scope["method"] != "GET":
            return None
        began = perf_counter()
        arrival = self._arrive(scope)
        entry = self._kept(arrival.key) if arrival.key is not None else None
        if entry is None:
            # PERF(once): what was found out is not found out again on the ordinary way.
            scope[_ARRIVAL] = arrival
            return None
        status, head, body = 200, entry.head, entry.body
        if arrival.knows(entry):
            status, head, body = 304, entry.head_not_modified, b""
        self._note_kept(entry, arrival, "GET", status, perf_counter() - began)
        return b"%sx-request-id: %s\r\n" % (head, arrival.request_id), body

    def _note_kept(
        self, entry: CachedResponse, arrival: Arrival, method: str, status: int, seconds: float
    ) -> None:
        self._metrics.observe_request(method, entry.route, status, seconds)
        self.access_log.add(
            method, entry.route, status, seconds, arrival.request_id, None, cached=True
        )

    def _arrive(self, scope: Scope) -> Arrival:
        client_ip, proxied = self._proxies.origin(scope)
        if proxied:
            scope = {**scope, **seen_from_outside(scope)}
        sent = dict(scope["headers"])
        locale, known = self._visitors.of(sent.get(b"accept-language"), sent.get(b"cookie"))
        # Where a header came twice, one of them is not in `sent`: take no chances.
        known = known or len(sent) != len(scope["headers"]) or not CREDENTIALS.isdisjoint(sent)
        accepted = RequestIds.accept(sent.get(b"x-request-id")) if proxied else None
        prefix, path = inner_path(scope)
        key = None
        if self._keeps_answers and not known and scope["method"] in _READS:
            host, query = sent.get(b"host", b""), scope["query_string"]
            if len(host) + len(query) + len(path) <= REMEMBERED_BYTES:
                key = (path, query, locale, prefix, scope.get("scheme"), host)
        return Arrival(
            scope, sent, path, prefix, client_ip, locale, known, accepted or self._ids.new(), key
        )

    def _kept(self, key: object) -> CachedResponse | None:
        """What is ready for this request, once it is known what changed meanwhile."""
        if key not in self._cache:
            return None
        self._changes.check()
        return self._cache.get(key)

    async def _handle(self, arrival: Arrival, receive: Receive, send: Send, began: float) -> None:
        """Answer whatever happens."""
        exchange = Exchange(
            site=self.site,
            request_id=arrival.request_id.decode(),
            client_ip=arrival.client_ip,
            locale=arrival.locale,
            body_limit=self.site.config.max_body_bytes,
            has_credentials=arrival.known,
            route=NO_ROUTE,
        )
        inner = {"path": arrival.path, "root_path": arrival.prefix, SCOPE_KEY: exchange}
        transit = Transit({**arrival.scope, **inner}, send, exchange)
        try:
            await self._pass_on(arrival, receive, transit)
        except ClientGone:
            pass  # nobody waits for an answer
        except Exception as error:
            await transit.send_problem(problem_of(error, exchange))
        finally:
            self._note(transit, exchange, perf_counter() - began)

    def _note(self, transit: Transit, exchange: Exchange, seconds: float) -> None:
        method = transit.method if transit.method in _METHODS else "other"
        status = transit.status or _GONE
        self._metrics.observe_request(method, exchange.route, status, seconds)
        request_id = exchange.request_id.encode()
        self.access_log.add(method, exchange.route, status, seconds, request_id, user_of(exchange))

    async def _pass_on(self, arrival: Arrival, receive: Receive, transit: Transit) -> None:
        scope, exchange = transit.scope, transit.exchange
        found = exchange.found = self._find(arrival.path)
        exchange.route = (found[3] if found else None) or NO_ROUTE
        if scope["method"] in _READS and (elsewhere := self._elsewhere(scope, found)):
            await transit.send_answer(elsewhere)
            return
        self._limit_api(arrival.path, exchange)
        scope, spec = _method_of(scope, found)
        if spec is not None and spec.max_body is not None:
            exchange.body_limit = spec.max_body
        _check_query(scope)
        receive = bounded(receive, arrival.sent, exchange)
        if arrival.key is not None and spec is not None and spec.cache is not None:
            await self._pass_on_cached(arrival, scope, receive, transit, spec.cache)
            return
        resp = await dispatch.respond(self._falcon, exchange, scope, receive)
        if dispatch.is_whole(resp):
            await transit.send_reply(await dispatch.reply_of(resp, exchange.route, scope["method"]))
        else:
            await dispatch.stream(self._falcon, resp, exchange, scope, receive, transit.forward)

    def _find(self, path: str) -> Any:
        # PostgreSQL's text cannot hold U+0000: nothing has such a name. And Falcon overlooks
        # slashes at the beginning: //api/… would be the API, and no rule for /api/ would see it.
        odd = "\x00" in path or path.startswith("//")
        return None if odd else self._router.find(path)

    async def _pass_on_cached(
        self, arrival: Arrival, scope: Scope, receive: Receive, transit: Transit, seconds: float
    ) -> None:
        async def fill() -> CompleteResponse:
            exchange = transit.exchange
            resp = await dispatch.respond(self._falcon, exchange, scope, receive)
            if not dispatch.is_whole(resp):
                raise TypeError(f"{exchange.route}: an answer that is kept cannot be a stream")
            reply = await dispatch.reply_of(resp, exchange.route, scope["method"])
            return shareable(reply, secure=transit.secure)

        self._changes.check()
        kept = await self._cache.lookup_or_run(arrival.key, seconds, fill)
        if isinstance(kept, CachedResponse):
            transit.status = await send_entry(kept, arrival, transit.raw_send)
        else:
            await transit.send_reply(kept)

    def _limit_api(self, path: str, exchange: Exchange) -> None:
        if path.startswith("/api/") and exchange.client_ip not in _LOOPBACK:
            guards.limit(exchange, self._api_window, "api")

    def _elsewhere(self, scope: Scope, found: object) -> answers.Answer | None:
        """Where to look instead: without ``?lang=``, or at the address as it should be written."""
        path: str = scope["path"]
        prefix: str = scope["root_path"]
        query = scope["query_string"].decode("latin-1")
        if "lang=" in query and not path.startswith("/api/"):
            redirect = languages.switch(
                path,
                query,
                available=self.site.translations.locales,
                root_path=prefix,
                secure=scope.get("scheme") == "https",
            )
            if redirect is not None:
                return answers.redirection(redirect, prefix)
        if found is not None:
            return None
        tidy = tidy_path(path)
        if tidy != path and self._router.find(tidy) is not None:
            target = f"{tidy}?{query}" if query else tidy
            return answers.redirection(Redirect(target, status=308), prefix)
        return None


def _method_of(scope: Scope, found: Any) -> tuple[Scope, Endpoint | None]:
    """The responder's declaration; HEAD is answered by the responder of GET."""
    if found is None:
        return scope, None
    responders = found[1]
    method = scope["method"]
    if method == "HEAD" and declared(responders.get("HEAD")) is None:
        method = "GET"
        scope = {**scope, "method": method}
    return scope, declared(responders.get(method))


def _check_query(scope: Scope) -> None:
    # Falcon decodes it before anything could handle what goes wrong.
    try:
        scope["query_string"].decode()
    except UnicodeDecodeError:
        raise BadRequest from None
