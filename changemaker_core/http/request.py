"""One request: Falcon's object, with what the edge found out before a responder is called."""

from __future__ import annotations

import itertools
import re
import secrets
from functools import lru_cache
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import quote, urlsplit

import falcon.asgi

from changemaker_core.http.bodies import multipart
from changemaker_core.http.bodies.multipart import MAX_PARTS
from changemaker_core.http.bodies.reading import BodyReader, too_large
from changemaker_core.http.errors import BadRequest, TooManyRequests
from changemaker_core.http.heads.cookies import LONGEST, cookies_of
from changemaker_core.identity.origin import Origin
from changemaker_core.limits.windows import visitor_key
from changemaker_core.web.languages import COOKIE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable, Mapping

    from changemaker_core.http.bodies.multipart import Part
    from changemaker_core.http.bodies.uploads import Upload
    from changemaker_core.http.errors import Problem
    from changemaker_core.http.sessions.session import Session, SignIn
    from changemaker_core.identity.actor import Actor
    from changemaker_core.limits.windows import MemoryWindow
    from changemaker_core.site import Site
    from changemaker_core.web import Translations

    Receive = Callable[[], Awaitable[dict[str, Any]]]
    Send = Callable[[dict[str, Any]], Awaitable[None]]

#: What responders fill. A response that is sent or cached is a ``CompleteResponse`` of the cache.
Response = falcon.asgi.Response

#: The key of the ASGI scope under which Falcon finds the request that the edge has made already.
SCOPE_KEY = "changemaker.request"
#: The ASGI extension of a server that has the whole body in memory: ``() -> bytes | None``,
#: ``None`` where the rest must be waited for. It may be called once.
BUFFERED_BODY = "changemaker.buffered_body"
#: The route of a request that matches none.
NO_ROUTE = "(none)"
#: Longer headers and addresses are not cached: visitors choose them, and could fill the memory.
REMEMBERED_BYTES = 1_000
#: Seconds after which a client that sends next to nothing of its body is given up.
STALL_SECONDS = 30.0
_SAFE_ID = re.compile(rb"[A-Za-z0-9._-]{8,64}")
_NO_EXTENSIONS: dict[str, Any] = {}


class Request(falcon.asgi.Request):
    """Falcon's request, with what the edge found out about it.

    The edge makes it from the ASGI scope for every request, cached ones included; Falcon's own
    part is filled by :meth:`open`, only when a responder is called.
    """

    __slots__ = (
        "_body",
        "actor",
        "body_limit",
        "cache_key",
        "cache_seconds",
        "client_ip",
        "cors",
        "extra_headers",
        "form_token",
        "has_credentials",
        "held_back",
        "id_bytes",
        "is_head",
        "locale",
        "matched",
        "memory_limit",
        "proxied",
        "raw_headers",
        "receive",
        "root_path",
        "route",
        "session",
        "sign_in",
        "site",
        "streamed",
        "uploads",
    )

    #: The site that responds.
    site: Site
    #: The visitor's address, seen through trusted proxies only.
    client_ip: str
    #: The prefix below which the site is mounted; ``""`` at the root.
    root_path: str
    #: The language to respond in, such as ``en`` or ``fr``.
    locale: str
    #: Who is asking; ``None`` is an anonymous visitor.
    actor: Actor | None
    #: The browser session that ``actor`` is signed in with; ``None`` for any other credential.
    session: Session | None
    #: The sign-in that ``actor`` has proved by a password or the like; ``None`` for programs that
    #: have a credential of their own, such as an API key.
    sign_in: SignIn | None
    #: Why ``actor`` does not have all of their permissions, which they are told where one is
    #: missing: they must do something first.
    held_back: Problem | None
    #: The token of a form that was sent, before anybody has checked it.
    form_token: str | None
    #: Path template of the route: the only form of a path that is counted or logged.
    route: str
    #: Whether the request carries anything that may identify the visitor.
    has_credentials: bool
    #: The largest body that may be read, in bytes.
    body_limit: int
    #: The largest body that may be read whole, in bytes: less than ``body_limit`` for a stream.
    memory_limit: int
    #: ASGI's ``receive``, as the server gave it. The body is read by the methods of this class.
    receive: Receive
    _body: BodyReader | None
    #: Whether a trusted proxy sent the request.
    proxied: bool
    #: The ``Streamed`` response that the responder returned; its class names this one.
    streamed: Any
    #: Files of the request's form, which are removed when the response was sent.
    uploads: list[Upload]
    #: Headers by lower-case name; of repeated ones the last.
    raw_headers: dict[bytes, bytes]
    #: Headers to add to the response, an error too.
    extra_headers: list[tuple[bytes, bytes]]
    #: Headers of the response that say which origin may read it.
    cors: tuple[tuple[bytes, bytes], ...]
    #: The key of the cached response; ``None`` where the response is this visitor's alone.
    cache_key: tuple[Any, ...] | None
    #: Seconds for which the response may be cached at most; set by :meth:`cache_for`.
    cache_seconds: float | None
    #: What the router found for the path, as Falcon's routers return it.
    matched: Any
    id_bytes: bytes
    #: Whether the client asked for the head alone; ``method`` is then that of the responder, GET.
    is_head: bool

    def __new__(cls, scope: dict[str, Any], *args: Any, **kwargs: Any) -> Request:
        """Return the edge's request where the scope has it: Falcon then initialises the same."""
        made: Request | None = scope.get(SCOPE_KEY)
        return object.__new__(cls) if made is None else made

    def __init__(
        self,
        scope: dict[str, Any],
        receive: Receive,
        first_event: dict[str, Any] | None = None,
        options: falcon.RequestOptions | None = None,
    ) -> None:
        super().__init__(scope, receive, options=options)
        if first_event is not None:
            self.body.put_back(first_event)

    def open(self, options: falcon.RequestOptions) -> None:
        """Fill Falcon's part: the request is about to be passed to a responder."""
        super().__init__(self.scope, self.next_event, options=options)

    async def body_bytes(self) -> bytes:
        """Return the whole body. It is read once and kept, for authenticators and responders alike.

        At most ``max_body`` bytes, and with ``streams=``, where that may be large, at most the
        site's ``max_body_bytes``. Raises ``TooLarge``, ``Problem`` (408) or ``ClientGone``.
        """
        return await self.body.whole(self.memory_limit)

    async def chunks(self, stall: float = STALL_SECONDS) -> AsyncIterator[bytes]:
        """Yield the body as it arrives, in pieces of the network's size.

        Raises ``TooLarge`` beyond ``max_body``, ``Problem`` (408) where next to nothing arrives for
        ``stall`` seconds, and ``ClientGone`` where the client stops half-way: delete then what
        you have stored. A body is streamed once.
        """
        async for chunk in self.body.chunks(stall):
            yield chunk

    async def parts(
        self, max_parts: int = MAX_PARTS, stall: float = STALL_SECONDS
    ) -> AsyncIterator[Part]:
        """Yield the parts of a ``multipart/form-data`` body as they arrive.

        Each is read, by ``part.chunks()``, ``part.read()`` or ``part.text()``, before the next;
        what was not read of it is skipped. Raises ``BadRequest`` for a malformed body, ``TooLarge``
        beyond ``max_parts`` or another limit, and what :meth:`chunks` raises.
        """
        async for part in multipart.parts(self.content_type or "", self.chunks(stall), max_parts):
            yield part

    @property
    def body(self) -> BodyReader:
        """The reader of this request's body."""
        if self._body is None:
            buffered = self.scope.get("extensions", _NO_EXTENSIONS).get(BUFFERED_BODY)
            self._body = BodyReader(self.receive, self.body_limit, buffered)
        return self._body

    @property
    def cookies(self) -> Mapping[str, str]:
        """The value of each cookie; of several of a name, the first."""
        return {name: values[0] for name, values in self._cookies_by_name().items()}

    def get_cookie_values(self, name: str) -> list[str] | None:
        """Return every value of a cookie, in their order; ``None`` where there is none."""
        return self._cookies_by_name().get(name)

    def _cookies_by_name(self) -> dict[str, list[str]]:
        if self._cookies is None:  # Falcon's own attribute, so that it has none but these
            self._cookies = cookies_of(self.get_header("Cookie") or "")
        return self._cookies

    async def next_event(self) -> dict[str, Any]:
        """Return ASGI's next event; the body's are within its limit."""
        return await self.body.event()

    @property
    def target_uri(self) -> str:
        """The address as the client sent it, raw: ``base_url``'s origin, path and query.

        It is what signatures of requests cover (RFC 9421); the ``Host`` header plays no part in it.
        """
        base = urlsplit(self.site.config.base_url)
        raw: bytes = self.scope.get("raw_path") or quote(self.scope["path"]).encode()
        query: bytes = self.scope["query_string"]
        path = raw.decode("latin-1") + (f"?{query.decode('latin-1')}" if query else "")
        return f"{base.scheme}://{base.netloc}{path}"

    def header_lines(self, name: str) -> list[str]:
        """Return each line of a header, in their order; an empty list where it is absent."""
        wanted = name.lower().encode("latin-1")
        return [value.decode("latin-1") for each, value in self.scope["headers"] if each == wanted]

    @property
    def request_id(self) -> str:
        """The unique id in the response's ``X-Request-ID``, in logs and in problems."""
        return self.id_bytes.decode()

    @property
    def origin(self) -> Origin:
        """Where the changes of this request come from, for the audit log."""
        id = self.request_id
        route = f"{self.method} {self.route}"
        return Origin("request", id=id, address=self.client_ip, request_id=id, route=route)

    @property
    def visitor(self) -> str:
        """The visitor's key in rate limits: the IPv4 address, or an IPv6 address's /64 network."""
        return visitor_key(self.client_ip)

    @property
    def is_secure(self) -> bool:
        """Whether the visitor's connection is encrypted."""
        return self.scope.get("scheme") == "https"

    def cache_for(self, seconds: float) -> None:
        """Cache the response for at most ``seconds``, instead of what ``@endpoint(cache=…)`` says.

        0 caches it nowhere: neither on the server nor in the browser. The time is never extended.
        """
        known = self.cache_seconds
        self.cache_seconds = max(0.0, seconds if known is None else min(known, seconds))

    def check_length(self, declared: bytes) -> None:
        """Raise ``BadRequest`` for a Content-Length that is none, ``TooLarge`` over the limit."""
        if not declared.isdigit():
            raise BadRequest
        if len(declared) > 18 or int(declared) > self.body_limit:
            raise too_large()

    def count(self, window: MemoryWindow, name: str) -> None:
        """Count this request in a rate limit; raises ``TooManyRequests`` beyond it.

        ``name`` is the limit's in the response's ``RateLimit`` headers.
        """
        standing = window.take(self.visitor)
        self.extra_headers.extend(
            (header.lower().encode(), value.encode()) for header, value in standing.headers(name)
        )
        if standing.exceeded:
            raise TooManyRequests(standing.wait)

    def __repr__(self) -> str:
        return f"<Request {self.method} {self.path}>"


class RequestIds:
    """Ids that are unique over processes: a random prefix and a counter. They are not secret."""

    def __init__(self) -> None:
        self._prefix = secrets.token_hex(6).encode()
        self._count = itertools.count(1)

    def new(self) -> bytes:
        """Return the next id: letters, digits and a dash."""
        return b"%s-%x" % (self._prefix, next(self._count))

    @staticmethod
    def accept(sent: bytes | None) -> bytes | None:
        """Return an id that a trusted proxy sent, if it is harmless in a header and a log."""
        return sent if sent is not None and _SAFE_ID.fullmatch(sent) else None


class Visitor(NamedTuple):
    """``locale`` to respond in; ``identified`` where a cookie may identify the visitor."""

    locale: str
    identified: bool


class Visitors:
    """Reads language and cookies; results for the few usual combinations are cached."""

    def __init__(self, translations: Translations) -> None:
        self._translations = translations
        self.remembered = lru_cache(maxsize=4096)(self._read)
        translations.on_new_default(self.remembered.cache_clear)

    def of(self, accept_language: bytes | None, cookie: bytes | None) -> Visitor:
        """Return what the two headers say."""
        if cookie is not None and len(cookie) > LONGEST:
            return self.of(accept_language, None)._replace(identified=True)
        if len(accept_language or b"") + len(cookie or b"") > REMEMBERED_BYTES:
            return self._read(accept_language, cookie)
        return self.remembered(accept_language, cookie)

    def _read(self, accept_language: bytes | None, cookie: bytes | None) -> Visitor:
        cookies = (cookie or b"").decode("latin-1").split(";")
        pairs = [each.strip().partition("=") for each in cookies]
        chosen = next((value for name, _, value in pairs if name == COOKIE), None)
        accept = None if accept_language is None else accept_language.decode("latin-1")
        locale = self._translations.negotiate(accept, chosen)
        return Visitor(locale, any(name not in (COOKIE, "") for name, _, _ in pairs))


def inner_path(scope: dict[str, Any]) -> tuple[str, str]:
    """Return the mount prefix, and the path below it.

    Servers and frameworks differ in whether ``path`` still has the prefix; both are understood.
    """
    path: str = scope["path"] or "/"
    prefix: str = scope.get("root_path", "")
    if not prefix:
        return "", path
    prefix = prefix.rstrip("/")
    if prefix and (path == prefix or path.startswith(prefix + "/")):
        path = path[len(prefix) :] or "/"
    return prefix, path


def tidy_path(path: str) -> str:
    """Return ``path`` without doubled slashes and without one at its end.

    >>> tidy_path("//campaigns///parks/")
    '/campaigns/parks'
    """
    return "/" + "/".join(part for part in path.split("/") if part)
