"""The person who sends a request, for pages and endpoints about their own account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import Forbidden, Text, Unauthorized

if TYPE_CHECKING:
    from changemaker_core import Actor, Request
    from changemaker_core.http.sessions import Session


def user_of(req: Request) -> Actor:
    """Return the user who sends a request. Raise ``Forbidden`` for keys and peers."""
    if req.actor is None:
        raise Unauthorized
    if req.actor.kind != "user":
        raise Forbidden(Text("Only a person who has signed in can do this."))
    return req.actor


def session_of(req: Request) -> tuple[Session, Actor]:
    """Return the session and user of a browser. Raise ``Unauthorized`` for programs."""
    if req.session is None or req.actor is None:
        raise Unauthorized(Text("Sign in with your browser to see this page."))
    return req.session, req.actor
