"""A site with a team: people with roles, each with a client that has signed in."""

from __future__ import annotations

import asyncio
import contextlib

import pytest

from changemaker_core import new_id
from changemaker_core.features.accounts import api
from changemaker_core.testing import client_of
from tests.accounts.team.parks import ParksPlugin

PASSWORD = "wide river, slow boat"


class Member:
    """A user of the site, and their client."""

    def __init__(self, id, email, client):
        self.id = id
        self.email = email
        self.client = client

    @property
    def path(self):
        return f"/api/users/{self.id}"

    async def status(self, method, path, **json):
        """The status of the response to a request with ``json``, if any."""
        response = await self.client.request(method, path, json=json or None)
        assert response.status_code < 500, response.text
        return response.status_code


class Team:
    """The people of a site. ``root`` is its administrator."""

    def __init__(self, app, stack):
        self.app = app
        self.site = app.site
        self._stack = stack

    async def join(self, role="USER", app=None):
        """A new member with a role, who has signed in."""
        email = f"{new_id()}@example.org"
        id, _ = await asyncio.to_thread(
            lambda: api.create_user(
                self.site, email=email, name=f"Sam {role}", role=role, password=PASSWORD
            )
        )
        client = await self._stack.enter_async_context(client_of(app or self.app))
        response = await client.post("/api/auth/login", json={"email": email, "password": PASSWORD})
        assert response.status_code == 200, response.text
        client.headers["Authorization"] = f"Bearer {response.json()['access_token']}"
        return Member(id, email, client)

    async def role(self, name, *permissions):
        """A role that the site made, with these permissions."""
        root = await self.administrator()
        body = {"name": name, "description": "Helps", "permissions": list(permissions)}
        response = await root.client.post("/api/roles", json=body)
        assert response.status_code == 201, response.text
        return name

    async def administrator(self):
        """The first administrator."""
        if not hasattr(self, "_root"):
            self._root = await self.join("SUPER_ADMIN")
        return self._root


@pytest.fixture
def open_team(open_app):
    """``async with open_team() as team``: a site with parks, whose team can be joined."""

    @contextlib.asynccontextmanager
    async def open_(*plugins, **options):
        async with (
            open_app(*(plugins or (ParksPlugin,)), **options) as app,
            contextlib.AsyncExitStack() as stack,
        ):
            yield Team(app, stack)

    return open_
