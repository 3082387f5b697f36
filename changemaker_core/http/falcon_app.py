"""The site's Falcon application: it routes, and calls responders for the edge."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import falcon
import falcon.asgi
from falcon.routing import CompiledRouter

from changemaker_core.cache import CompleteResponse
from changemaker_core.http import falcon_bridge
from changemaker_core.http.request import SCOPE_KEY, Request, Response
from changemaker_core.http.response import BODILESS

if TYPE_CHECKING:
    from changemaker_core.http.request import Receive, Send


class _Router(CompiledRouter):
    """Falcon's router; for Falcon itself it repeats what the edge has found already."""

    def find(self, uri: str, req: falcon.Request | None = None) -> Any:
        if req is not None:
            return req.matched  # type: ignore[attr-defined]  # the app makes our Request
        return super().find(uri)


class FalconApp(falcon.asgi.App[Request, Response]):
    """Falcon's app, with its router public and its errors left to the edge."""

    def __init__(self, lifespan_handler: Any) -> None:
        self.router = _Router()
        handlers = [] if lifespan_handler is None else [lifespan_handler]
        super().__init__(request_type=Request, router=self.router, middleware=handlers)
        self.add_error_handler(Exception, _pass_on)
        self.add_error_handler(falcon.HTTPError, _pass_on)
        self._bridged = falcon_bridge.concern() is None

    async def respond(
        self, req: Request, receive: Receive, forward: Send
    ) -> CompleteResponse | None:
        """Call the responder of ``req.matched``; raises what it raises.

        Returns the complete response; or ``None`` for a stream, which was sent by ``forward``.
        """
        if self._bridged:
            return await falcon_bridge.respond(self, req, receive, forward)
        scope = req.scope
        events = _Events(req, forward)
        # Falcon reads the body itself: what the server has buffered would be read twice.
        try:
            await self({**scope, "extensions": {}, SCOPE_KEY: req}, receive, events.send)
        except _Raised as raised:
            raise raised.error from None
        finally:
            req.scope = scope
        return events.complete


class _Events:
    """Falcon's ASGI messages: a complete response is gathered, a stream is passed on."""

    def __init__(self, req: Request, forward: Send) -> None:
        self._req = req
        self._forward = forward
        self._start: dict[str, Any] = {}
        self._streams = False
        self.complete: CompleteResponse | None = None

    async def send(self, event: dict[str, Any]) -> None:
        """Take one message."""
        if event["type"] == "http.response.start":
            self._start = event
            # A stream has no length, and its head must not wait for its first part.
            known = event["status"] in BODILESS or b"content-length" in dict(event["headers"])
            self._streams = not known
        if self._streams:
            await self._forward(event)
        elif event["type"] == "http.response.body":
            self.complete = CompleteResponse(
                self._start["status"],
                self._start["headers"],
                event.get("body", b""),
                self._req.route,
            )


class _Raised(Exception):
    """Carries an error through Falcon, which would make a response of it."""

    def __init__(self, error: Exception) -> None:
        super().__init__()
        self.error = error


async def _pass_on(req: Request, resp: Response, error: Exception, params: dict[str, Any]) -> None:
    raise _Raised(error)
