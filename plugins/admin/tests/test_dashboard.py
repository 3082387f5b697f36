"""The first page after signing in."""

from __future__ import annotations

from changemaker_admin.plugin import AdminPlugin
from changemaker_core.testing import client_of


async def test_visitors_are_asked_to_sign_in(open_app):
    async with open_app(AdminPlugin) as app, client_of(app) as client:
        response = await client.get("/admin", headers={"Accept": "text/html"})
    assert response.status_code == 303
    assert response.headers["location"].startswith("/sign-in?next=")
