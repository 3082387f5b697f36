"""Publishing, pausing and archiving: a page says what will happen, and a button does it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from changemaker_core import (
    Conflict,
    EditConflict,
    Form,
    Invalid,
    Redirect,
    TemplateResponse,
    Text,
    endpoint,
    flash,
)
from changemaker_influence import states
from changemaker_influence.campaigns import permissions, services
from changemaker_influence.campaigns.schemas import CampaignChange
from changemaker_influence.organising import frame, readiness
from changemaker_influence.organising.forms import VersionForm, version_of

if TYPE_CHECKING:
    from changemaker_core import Request, Response, Tx
    from changemaker_influence.campaigns.schemas import CampaignOut
    from changemaker_influence.states import CampaignStatus


@dataclass(frozen=True, slots=True)
class Act:
    """One act: the status that follows, its button, what it does, and the message afterwards."""

    name: str
    status: CampaignStatus
    title: Text
    button: Text
    sentences: tuple[Text, ...]
    done: Text


PUBLISH: Final = Act(
    "publish",
    "ACTIVE",
    Text("Publish this campaign?"),
    Text("Publish campaign"),
    (
        Text("Its page becomes public, and is in the list of campaigns and in search engines."),
        Text("Supporters can write from its start on, and letters leave within minutes."),
        Text("You can change or pause it at any time. It never becomes a draft again."),
    ),
    Text("The campaign is published."),
)
PAUSE: Final = Act(
    "pause",
    "PAUSED",
    Text("Pause this campaign?"),
    Text("Pause campaign"),
    (
        Text("Its page stays, and says that the campaign is paused: no more letters are accepted."),
        Text("Letters that wait to be sent are still sent."),
        Text("You can publish it again at any time."),
    ),
    Text("The campaign is paused."),
)
ARCHIVE: Final = Act(
    "archive",
    "ARCHIVED",
    Text("Archive this campaign?"),
    Text("Archive campaign"),
    (
        Text("Its page stays for those who have the link, and says that the campaign has ended."),
        Text("Letters that wait to be sent are still sent. Letters and numbers are kept."),
        Text("You can take it out of the archive again."),
    ),
    Text("The campaign is archived."),
)
RESTORE: Final = Act(
    "restore",
    "PAUSED",
    Text("Take this campaign out of the archive?"),
    Text("Take out of the archive"),
    (Text("It is paused then: you can edit it, and publish it when it is ready."),),
    Text("The campaign is out of the archive, and paused."),
)
ACTS: Final = (PUBLISH, PAUSE, ARCHIVE, RESTORE)


class ActPage:
    """``/admin/campaigns/{id}/publish`` and its like"""

    def __init__(self, act: Act) -> None:
        self._act = act

    @endpoint(permission=permissions.WRITE, on="id")
    async def on_get(self, req: Request, resp: Response, *, id: str) -> TemplateResponse | Redirect:
        """Say what will happen."""
        campaign = await frame.load(req, id)
        if self._act.status not in states.CAMPAIGN[campaign.status]:
            return Redirect(frame.address(id))
        return await self._page(req, campaign, Form.blank(version=str(campaign.version)))

    @endpoint(permission=permissions.WRITE, on="id", form=VersionForm)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[VersionForm]
    ) -> TemplateResponse | Redirect:
        """Do it."""
        campaign = await frame.load(req, id)
        sent = "" if form.value is None else form.value.version
        if self._act is PUBLISH and readiness.missing(
            await readiness.points_of(req.site, campaign)
        ):
            form.reject("", Text("Something is still missing."))
            return await self._page(req, campaign, form)

        def save(tx: Tx) -> None:
            wanted = CampaignChange(status=self._act.status, version=version_of(sent))
            services.change(tx, id, wanted)
            flash(tx, req, self._act.done)

        try:
            await req.site.db.write(save)
        except EditConflict:
            form.reject("", Text("It was changed after you opened this page. Look at it again."))
        except Conflict as conflict:
            form.reject("", conflict.detail or conflict.title)
        except Invalid as invalid:
            for error in invalid.errors:
                form.reject("", error.message)
        else:
            return Redirect(frame.address(id))
        stored = await frame.load(req, id)
        form.data["version"] = str(stored.version)
        return await self._page(req, stored, form, 409)

    async def _page(
        self,
        req: Request,
        campaign: CampaignOut,
        form: Form[VersionForm],
        status: int | None = None,
    ) -> TemplateResponse:
        points = await readiness.points_of(req.site, campaign) if self._act is PUBLISH else []
        context: dict[str, Any] = {
            **frame.frame_of(req, campaign),
            "act": self._act,
            "form": form,
            "points": points,
            "is_ready": not readiness.missing(points),
            "public_address": req.site.url(f"/campaigns/{campaign.slug}"),
        }
        return TemplateResponse("influence/admin/act.html", context, status=status)
