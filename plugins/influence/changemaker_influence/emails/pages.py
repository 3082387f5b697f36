"""The page that tells what became of a message."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import NotFound, Page, Text, endpoint
from changemaker_core.web.qr import qr_svg
from changemaker_influence.emails.status import state_of, states_with
from changemaker_influence.states import FINAL

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Site


class EmailStatusPage:
    """``/emails/{id}``"""

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(public=True)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> Page:
        """What became of the messages that somebody sent off together."""
        now = self._site.clock()
        state = await state_of(self._site.db, id, now)
        if state is None:
            raise NotFound
        emails = await states_with(self._site.db, state, now)
        share_url = f"{self._site.config.base_url}/campaigns/{state.campaign_slug}"
        title = self._site.translations.translate(
            Text("QR code: the address of this campaign"), req.locale
        )
        context = {
            "emails": emails,
            "final": all(each.status in FINAL for each in emails),
            "campaign": {"slug": state.campaign_slug, "title": state.campaign_title},
            "share_url": share_url,
            "qr_svg": qr_svg(share_url, title),
        }
        headers = (("Cache-Control", "no-store"),)
        return Page("influence/email_status.html", context, headers=headers)
