"""The person who sends a request, for pages and endpoints about their own account."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import Forbidden, Text, Unauthorized, check_recent_sign_in

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


async def check_recent_sign_in_unless_key(req: Request) -> None:
    """Raise ``Unauthorized`` unless a person has proved in the last 15 minutes who they are.

    API keys pass: they are given to programs for what these do by themselves.
    """
    if req.actor is not None and req.actor.kind == "user":
        await check_recent_sign_in(req)


def session_of(req: Request) -> tuple[Session, Actor]:
    """Return the session and user of a browser. Raise ``Unauthorized`` for programs."""
    if req.session is None or req.actor is None:
        raise Unauthorized(Text("Sign in with your browser to see this page."))
    return req.session, req.actor
