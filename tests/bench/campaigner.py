"""A client of influence's interface: publishes a campaign, and writes to a representative."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx

if TYPE_CHECKING:
    from changemaker_core.testing.server import OperatedSite


class Campaigner:
    """At the interface of one address, signed in as its administrator where ``site`` is given.

    >>> with Campaigner(address, site) as organiser:
    ...     campaign = organiser.campaign(title="Parks for everyone")
    ...     organiser.send(campaign["id"], "sacha@example.org")
    """

    def __init__(self, address: str, site: OperatedSite | None = None) -> None:
        self.client = httpx.Client(base_url=address, timeout=90)
        if site is not None:
            who = {"email": site.admin_email, "password": site.admin_password}
            session = self.client.post("/api/auth/login", json=who).raise_for_status().json()
            self.client.headers["Authorization"] = f"Bearer {session['access_token']}"

    def __enter__(self) -> Campaigner:
        return self

    def __exit__(self, *_: object) -> None:
        self.client.close()

    def campaign(self, **changes: object) -> dict[str, Any]:
        """A published campaign; ``changes`` replace what it would say."""
        draft = {
            "title": "Clean water for everyone",
            "description": "Version 0",
            "email_subject": "Clean water",
            "email_body": "Dear {recipient_name},\n\nplease act on clean water.\n\n{sender_name}",
            "target_government_levels": ["FEDERAL", "PROVINCIAL", "MUNICIPAL"],
            **changes,
        }
        made = self.client.post("/api/campaigns", json=draft)
        assert made.status_code == 201, made.text
        published = self.change(made.json()["id"], status="ACTIVE")
        assert published.status_code == 200, published.text
        campaign: dict[str, Any] = published.json()
        return campaign

    def change(self, campaign_id: str, **changes: object) -> httpx.Response:
        """The response to a PATCH."""
        return self.client.patch(f"/api/campaigns/{campaign_id}", json=changes)

    def send(self, campaign_id: str, sender: str) -> httpx.Response:
        """The response to a supporter's message."""
        message = {
            "sender_name": "Sacha",
            "sender_email": sender,
            "postal_code": "L5G 4L3",
            "consent": True,
            "recipient_emails": ["avery.tremblay@parl.example.ca"],
        }
        return self.client.post(f"/api/campaigns/{campaign_id}/send-email", json=message)
