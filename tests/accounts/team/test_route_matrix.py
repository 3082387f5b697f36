"""Each method of each route for each kind of visitor: what is refused follows from declarations.

The routes are those of core and of every installed plugin, so that a new one is in it by itself.
Responders are replaced by one that says that it was reached: a refused request reaches none.
"""

from __future__ import annotations

import asyncio
import functools
import re
from dataclasses import dataclass
from importlib.metadata import entry_points

import httpx
import pytest

from changemaker_core import Problem, new_id
from changemaker_core.app import create_app
from changemaker_core.features.accounts import api
from changemaker_core.features.accounts.roles.models import Grant
from changemaker_core.features.accounts.roles.roles import roles_of
from changemaker_core.http.endpoint import declared
from changemaker_core.http.endpoint.guard import Guards
from changemaker_core.testing import migrate
from tests.accounts.gallery.plugin import GalleryPlugin
from tests.accounts.team.parks import ParksPlugin

PASSWORD = "wide river, slow boat"
LOGIN = "/api/auth/login"
#: The object for which the roles of some are limited, and another one.
OWN, FOREIGN = new_id(), new_id()
#: The status with which a responder says that it was reached, and those of what is checked between
#: the authorisation and the responder.
REACHED = 418
PASSED = {REACHED, 400, 413, 415, 422}
PARAMETER = re.compile(r"\{[^}]*\}")


@dataclass(frozen=True)
class Visitor:
    """A visitor, with what they hold. ``is_person``: somebody who has just signed in."""

    name: str
    headers: tuple[tuple[bytes, bytes], ...] = ()
    permissions: frozenset[str] = frozenset()
    scoped: frozenset[tuple[str, str]] = frozenset()
    is_known: bool = True
    is_person: bool = True

    def expected(self, route, object_id):
        """The statuses that a request about this object may have."""
        if route.permission is None:
            return PASSED
        if not self.is_known:
            return {401}
        if not {"*", route.permission} & self.permissions:
            held = {id for permission, id in self.scoped if permission == route.permission}
            if route.on is None or (route.on == "*" and not held):
                return {403}
            # A function finds the object of an id that nothing has: there is none.
            if route.on != "*" and not (isinstance(route.on, str) and object_id in held):
                return {404}
        spec = declared(route.responder).endpoint
        # That is checked behind the body, which a person who is asked for a password has typed.
        is_asked = spec.recent_sign_in and not self.is_person
        return {403, *PASSED} - {REACHED} if is_asked else PASSED


@pytest.fixture
def reached(monkeypatch):
    """What was reached, but for the sign-in: each responder is replaced by one that says so."""
    found = []
    guard = Guards.guard

    def stubbed(self, contributed, responder):
        if contributed.item.path == LOGIN:
            return guard(self, contributed, responder)

        @functools.wraps(responder)
        async def stub(req, resp, **params):
            found.append((req.method, contributed.item.path))
            raise Problem(REACHED, "reached", "Reached.")

        return guard(self, contributed, stub)

    monkeypatch.setattr(Guards, "guard", stubbed)
    return found


class Site:
    """The site, with a client at an address of its own for each request: limits do not matter."""

    def __init__(self, app):
        self.app = app
        self.site = app.site
        self.roles = roles_of(app.site)
        self.requests = 0

    async def status(self, method, path, headers):
        """The status of the response to a request without a body, from an address of its own."""
        sent = []
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.4"},
            "http_version": "1.1",
            "method": method,
            "scheme": "http",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "headers": [(b"host", b"127.0.0.1:4000"), (b"accept", b"application/json"), *headers],
            "client": (self._address(), 50000),
            "server": ("127.0.0.1", 4000),
        }

        async def receive():
            return {"type": "http.request", "body": b"", "more_body": False}

        async def send(event):
            sent.append(event)

        await self.app(scope, receive, send)
        return sent[0]["status"]

    def _address(self):
        """An address that no limit has counted."""
        self.requests += 1
        return f"10.{self.requests >> 16}.{self.requests >> 8 & 255}.{self.requests & 255}"

    async def join(self, role, limited_to=None):
        """The headers and the email address of a new user; ``limited_to`` is the role's scope."""
        email = f"{new_id()}@example.org"
        site_wide = "USER" if limited_to else role
        id, _ = await asyncio.to_thread(
            lambda: api.create_user(
                self.site, email=email, name="Sam", role=site_wide, password=PASSWORD
            )
        )
        if limited_to:
            await self.site.db.write(
                lambda tx: Grant.create(
                    user=id, role=role, scope=limited_to, object_id=OWN, created_at=tx.now
                )
            )
        login = {"email": email, "password": PASSWORD}
        transport = httpx.ASGITransport(app=self.app, client=(self._address(), 50000))
        async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1") as client:
            session = (await client.post(LOGIN, json=login)).json()
        return header("authorization", f"Bearer {session['access_token']}"), email

    async def visitors(self):
        """One visitor of each kind."""
        yield Visitor("anonymous", is_known=False)
        yield Visitor("wrong token", header("authorization", "Bearer x.y.z"), is_known=False)
        everyone = self.roles.allowed("USER", {})
        for role in self.roles.declared:
            headers, email = await self.join(role)
            held = self.roles.allowed(role, {})
            yield Visitor(role, headers, held)
            async for visitor in self.keys(role, email, held):
                yield visitor
        for scope in self.roles.scopes:
            for role in self.roles.declared:
                allowed = self.roles.allowed_within(role, scope, {})
                if allowed:
                    headers, email = await self.join(role, limited_to=scope)
                    scoped = frozenset((permission, OWN) for permission in allowed)
                    yield Visitor(f"{role} of one {scope}", headers, everyone, scoped)
                    async for visitor in self.keys(role, email, everyone, scoped):
                        yield visitor
        headers, email = await self.join("SUPER_ADMIN")
        await self.join("SUPER_ADMIN")
        await asyncio.to_thread(lambda: api.suspend(self.site, email=email))
        yield Visitor("suspended", headers, is_known=False)

    async def keys(self, role, email, held, scoped=frozenset()):
        """An API key for each half of what its owner holds, in turn."""
        can_be_held = {p for p in self.roles.permissions if "*" in held or p in held}
        can_be_held |= {permission for permission, _ in scoped}
        names = sorted(can_be_held)
        for some in filter(None, (names[::2], names[1::2])):
            key = await asyncio.to_thread(
                functools.partial(
                    api.create_key, self.site, email=email, name="k", permissions=some
                )
            )
            yield Visitor(
                f"key of {role} for {', '.join(some)}",
                header("x-api-key", key.key),
                frozenset(some) if "*" in held else frozenset(some) & held,
                frozenset(pair for pair in scoped if pair[0] in some),
                is_person=False,
            )


def header(name, value):
    """A credential."""
    return ((name.encode(), value.encode()),)


@pytest.mark.database("sqlite")
async def test_each_route_refuses_whom_its_declaration_refuses(make_config, reached):
    installed = [entry.load() for entry in entry_points(group="changemaker.plugins")]
    app = create_app(make_config(), [*installed, ParksPlugin, GalleryPlugin])
    migrate(app.site)
    async with app.lifespan():
        site, wrong = Site(app), []
        routes = [route for route in site.site.routes() if route.path != LOGIN]
        assert len(routes) > 50
        async for visitor in site.visitors():
            for route in routes:
                ids = (OWN, FOREIGN) if visitor.scoped and "{" in route.path else (OWN,)
                for object_id in ids:
                    path = PARAMETER.sub(object_id, route.path)
                    reached.clear()
                    status = await site.status(route.method, path, visitor.headers)
                    came_through = [(route.method, route.path)] * (status == REACHED)
                    expected = visitor.expected(route, object_id)
                    if status not in expected or reached != came_through:
                        wrong.append(f"{visitor.name}: {route.method} {path} is {status}")
        assert not wrong, "\n".join(wrong)
        assert site.requests > 1_000
