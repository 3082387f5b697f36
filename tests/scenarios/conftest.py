"""Sites that are made and served as an operator does it."""

from __future__ import annotations

import httpx
import pytest

from changemaker_core.testing.server import OperatedSite


class Organiser:
    """An administrator at the API of one web process."""

    def __init__(self, address, site):
        self.client = httpx.Client(base_url=address, timeout=30)
        session = self.client.post(
            "/api/auth/login", json={"email": site.admin_email, "password": site.admin_password}
        )
        self.client.headers["Authorization"] = f"Bearer {session.json()['access_token']}"

    def campaign(self, **changes):
        """A published campaign; ``changes`` replace what it would say."""
        draft = {
            "title": "Clean water for everyone",
            "description": "Ask for clean water.",
            "email_subject": "Clean water",
            "email_body": "Dear {recipient_name},\n\nplease act on clean water.\n\n{sender_name}",
            "target_government_levels": ["FEDERAL", "PROVINCIAL", "MUNICIPAL"],
        }
        made = self.client.post("/api/campaigns", json={**draft, **changes})
        assert made.status_code == 201, made.text
        published = self.change(made.json()["id"], status="ACTIVE")
        return published

    def change(self, campaign_id, **changes):
        """The campaign after a PATCH."""
        answer = self.client.patch(f"/api/campaigns/{campaign_id}", json=changes)
        assert answer.status_code == 200, answer.text
        return answer.json()


@pytest.fixture
def organiser_at():
    """``organiser_at(address, site)``: a signed-in :class:`Organiser`."""
    opened = []

    def sign_in(address, site):
        opened.append(Organiser(address, site))
        return opened[-1]

    yield sign_in
    for organiser in opened:
        organiser.client.close()


@pytest.fixture
def operate(tmp_path):
    """``operate(database_url)``: a site made by ``changemaker init``, with the file directory."""

    def make(database_url):
        environment = {
            "CHANGEMAKER_DATABASE_URL": database_url,
            "CHANGEMAKER_INFLUENCE__DIRECTORY": "file",
        }
        site = OperatedSite(tmp_path / "site", environment)
        site.make()
        return site

    return make


@pytest.fixture
def operated(operate, database_url):
    """Such a site, on SQLite and on PostgreSQL."""
    return operate(database_url)
