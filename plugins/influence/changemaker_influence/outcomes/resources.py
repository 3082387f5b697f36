"""Outcomes of messages over HTTP, for organisers."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import endpoint
from changemaker_influence.campaigns import permissions
from changemaker_influence.emails.schemas import EmailOut
from changemaker_influence.outcomes import services
from changemaker_influence.outcomes.queries import campaign_of_email
from changemaker_influence.outcomes.schemas import Retried, Settlement

if TYPE_CHECKING:
    from changemaker_core import Request, Response


async def campaign_of(req: Request, *, id: str) -> str | None:
    """Return the id of the campaign of a message, for whose organisers it is."""
    return await req.site.db.one(campaign_of_email(id=id))


class RetryResource:
    """``/api/campaign-emails/{id}/retry``"""

    @endpoint(permission=permissions.WRITE_EMAILS, on=campaign_of, response=EmailOut, status=202)
    async def on_post(self, req: Request, resp: Response, *, id: str) -> EmailOut:
        """Send a failed message again. Asked for twice, it is sent once."""
        return await req.site.db.write(services.retry, id)


class CancelResource:
    """``/api/campaign-emails/{id}/cancel``"""

    @endpoint(permission=permissions.WRITE_EMAILS, on=campaign_of, response=EmailOut)
    async def on_post(self, req: Request, resp: Response, *, id: str) -> EmailOut:
        """Cancel a message that waits to be sent. One that is being sent cannot be cancelled."""
        return await req.site.db.write(services.cancel, id)


class RetryFailedResource:
    """``/api/campaigns/{id}/retry-failed``"""

    @endpoint(permission=permissions.WRITE_EMAILS, on="id", response=Retried, status=202)
    async def on_post(self, req: Request, resp: Response, *, id: str) -> Retried:
        """Send all failed messages of a campaign again."""
        return Retried(messages=await req.site.db.write(services.retry_failed, id))


class SettleResource:
    """``/api/campaign-emails/{id}/settle``"""

    @endpoint(
        permission=permissions.WRITE_EMAILS, on=campaign_of, body=Settlement, response=EmailOut
    )
    async def on_post(self, req: Request, resp: Response, *, id: str, body: Settlement) -> EmailOut:
        """Record whether a message of unknown outcome was sent. One that was not can be retried."""
        return await req.site.db.write(services.settle, id, body.outcome)
