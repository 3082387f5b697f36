"""What the tests of influence share."""

from __future__ import annotations

import asyncio
import contextlib
import importlib.util
from datetime import timedelta
from pathlib import Path

import msgspec
import pytest
from hypothesis import settings

from changemaker_core import utcnow
from changemaker_core.features.accounts import api as accounts
from changemaker_core.testing import client_of, run_jobs
from changemaker_influence.campaigns import services as campaigns
from changemaker_influence.campaigns.schemas import CampaignChange, NewCampaign
from changemaker_influence.plugin import InfluencePlugin

# How long an example takes says more about the machine than about the code.
settings.register_profile("changemaker", deadline=None)
settings.load_profile("changemaker")

ORGANISER = ("organiser@example.org", "wide river, slow boat")
CAMPAIGN = {
    "title": "Clean water for everyone",
    "description": "Ask for clean water.",
    "email_subject": "Clean water",
    "email_body": "Dear {recipient_name},\n\nplease act on clean water.\n\n{sender_name}",
    "target_government_levels": ["FEDERAL", "PROVINCIAL", "MUNICIPAL"],
}
AVERY = "avery.tremblay@parl.example.ca"
JORDAN = "jordan.okafor@ola.example.ca"


class Clock:
    """A clock that a test moves."""

    def __init__(self):
        self.ahead = timedelta(0)

    def __call__(self):
        return utcnow() + self.ahead


class Visit:
    """An open app, and what a test does with it: ``client`` is a visitor's."""

    def __init__(self, app, client, clock):
        self.app = app
        self.site = app.site
        self.client = client
        self.clock = clock
        self.headers = {}

    async def sign_in(self, role="INFLUENCE_ADMIN"):
        email, password = ORGANISER
        await asyncio.to_thread(
            lambda: accounts.create_user(
                self.site, email=email, name="Organiser", role=role, password=password
            )
        )
        response = await self.client.post(
            "/api/auth/login", json={"email": email, "password": password}
        )
        self.headers = {"Authorization": f"Bearer {response.json()['access_token']}"}

    async def organise(self, method, path, *, headers=None, **options):
        """A request of the organiser, who signs in first."""
        if not self.headers:
            await self.sign_in()
        headers = {**self.headers, **(headers or {})}
        return await self.client.request(method, path, headers=headers, **options)

    async def campaign(self, status="ACTIVE", **changes):
        """A published campaign, as its organiser sees it, made without signing in."""
        new = msgspec.convert({**CAMPAIGN, **changes}, NewCampaign)
        made = await self.site.db.write(campaigns.create, new)
        if status == "DRAFT":
            return msgspec.to_builtins(made)
        return await self.change(made.id, status=status)

    async def change(self, campaign_id, **changes):
        """The campaign after a change."""
        wanted = msgspec.convert(changes, CampaignChange)
        changed = await self.site.db.write(campaigns.change, campaign_id, wanted)
        return msgspec.to_builtins(changed)

    async def send(self, campaign, *, headers=None, **changes):
        """Sacha Supporter writes to their federal representative."""
        body = {
            "sender_name": "Sacha Supporter",
            "sender_email": "sacha@example.org",
            "postal_code": "l5g 4l3",
            "recipient_emails": [AVERY],
            "consent": True,
            **changes,
        }
        path = f"/api/campaigns/{campaign['id']}/send-email"
        return await self.client.post(path, json=body, headers=headers)

    async def look_up(self, campaign, code, **options):
        """The page of a campaign for a postal code."""
        data = {"find": "1", "postal_code": code}
        return await self.client.post(f"/campaigns/{campaign['slug']}", data=data, **options)

    async def representatives(self, code, client=None, **options):
        """The response of the API for a postal code."""
        path, body = "/api/public/representatives", {"postal_code": code}
        return await (client or self.client).post(path, json=body, **options)

    async def emails(self, campaign):
        """The ledger of a campaign, newest first."""
        response = await self.organise("GET", f"/api/campaigns/{campaign['id']}/emails")
        assert response.status_code == 200, response.text
        return response.json()["data"]

    async def run_jobs(self):
        """Runs what is due, as the job runner would."""
        return await run_jobs(self.site)

    async def metric(self, line):
        """The value of a line of ``/api/metrics``; ``None`` where there is none."""
        text = (await self.client.get("/api/metrics")).text
        found = [each.rpartition(" ") for each in text.splitlines()]
        return next((float(value) for name, _, value in found if name == line), None)


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def visit(open_app, clock):
    """``async with visit(**settings) as v``: an app with influence, its sample directory, and a
    visitor."""

    @contextlib.asynccontextmanager
    async def open_(config=None, *, plugins=(), **settings):
        table = {"directory": "file", **settings}
        options = {"plugin_tables": {"influence": table}, **(config or {})}
        async with (
            open_app(InfluencePlugin, *plugins, clock=clock, **options) as app,
            client_of(app) as client,
        ):
            yield Visit(app, client, clock)

    return open_


def _load_represent_server():
    file = Path(__file__).with_name("represent_server.py")
    spec = importlib.util.spec_from_file_location("influence_represent_server", file)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module.RepresentServer


@pytest.fixture
def represent():
    """A server that speaks Represent's shape."""
    with _load_represent_server()() as server:
        yield server
