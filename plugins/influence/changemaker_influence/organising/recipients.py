"""``/admin/campaigns/{id}/recipients``: a campaign's own recipients, and who is ticked at first."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec import Meta

from changemaker_core import (
    Conflict,
    EditConflict,
    Form,
    Invalid,
    MergedEdits,
    Redirect,
    SingleLine,
    TemplateResponse,
    Text,
    Upload,
    begin_edit,
    endpoint,
    flash,
    merge_edits,
)
from changemaker_influence.campaigns import own_recipients, permissions, services
from changemaker_influence.campaigns.own_recipients import FileRejected
from changemaker_influence.campaigns.queries import MAX_CUSTOM_RECIPIENTS, custom_recipients
from changemaker_influence.campaigns.schemas import (
    CampaignChange,
    NewRecipient,
    Preselected,
    RecipientChange,
)
from changemaker_influence.directories.levels import LEVELS, Level
from changemaker_influence.organising import frame
from changemaker_influence.organising.forms import LEVEL_NAMES, show_errors, version_of

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from changemaker_core import Request, Response, Tx
    from changemaker_influence.campaigns.schemas import CampaignOut, RecipientOut

PAGE: Final = "/recipients"
#: Bytes of a file: a hundred rows, with room for columns that are not read.
MAX_FILE_BYTES: Final = 1_000_000
LABELS: Final[Mapping[str, Text]] = {
    "name": Text("Name"),
    "email": Text("Email address"),
    "title": Text("Title"),
}
FIRST_TICKED: Final[Mapping[Preselected, Text]] = {
    "FIRST": Text("The first person in the list"),
    "ALL": Text("Everybody"),
    "NONE": Text("Nobody: supporters choose for themselves"),
    "LEVELS": Text("Representatives of some levels"),
}


class RecipientForm(msgspec.Struct, frozen=True, kw_only=True):
    """One recipient."""

    name: Annotated[SingleLine, Meta(min_length=1, max_length=200)]
    email: Annotated[SingleLine, Meta(min_length=1, max_length=254)]
    title: Annotated[SingleLine, Meta(max_length=200)] = ""
    version: str = ""
    seen: str = ""


class FileForm(msgspec.Struct, frozen=True, kw_only=True):
    """A table of recipients."""

    file: Annotated[Upload, Meta(extra={"max_bytes": MAX_FILE_BYTES})]


class FirstTickedForm(msgspec.Struct, frozen=True, kw_only=True):
    """Who is ticked before a supporter has chosen, and whether own recipients are offered."""

    preselected: Preselected = "FIRST"
    preselected_levels: list[Level] = msgspec.field(default_factory=list)
    allow_custom_recipients: bool = False
    version: str = ""


class NoFields(msgspec.Struct, frozen=True):
    """A button."""


class RecipientsPage:
    """``/admin/campaigns/{id}/recipients``"""

    @endpoint(permission=permissions.READ, on="id")
    async def on_get(self, req: Request, resp: Response, *, id: str) -> TemplateResponse:
        """Show a campaign's own recipients, and the form for another one."""
        return await _list(req, id)

    @endpoint(permission=permissions.WRITE, on="id", form=RecipientForm)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[RecipientForm]
    ) -> TemplateResponse | Redirect:
        """Add a recipient."""
        if (typed := form.value) is not None:

            def add(tx: Tx) -> None:
                new = NewRecipient(name=typed.name, email=typed.email, title=typed.title)
                added = own_recipients.add_recipient(tx, id, new)
                flash(tx, req, Text("{name} is added.", name=added.name))

            if await _done(req, form, add):
                return Redirect(frame.address(id, PAGE))
        return await _list(req, id, form=form)


class ImportPage:
    """``/admin/campaigns/{id}/recipients/import``"""

    @endpoint(permission=permissions.WRITE, on="id")
    async def on_get(self, req: Request, resp: Response, *, id: str) -> Redirect:
        """Lead to the page with the form."""
        return Redirect(frame.address(id, PAGE))

    @endpoint(
        permission=permissions.WRITE, on="id", form=FileForm, max_body=MAX_FILE_BYTES + 10_000
    )
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[FileForm]
    ) -> TemplateResponse | Redirect:
        """Add the recipients of a file: all, or none where a line has an error."""
        if form.value is None:
            return await _list(req, id, upload=form)
        try:
            file = form.value.file.file
            read = await asyncio.to_thread(own_recipients.read_recipients, file)
        except FileRejected as rejected:
            return await _list(req, id, upload=form, rejected=rejected)

        def add(tx: Tx) -> None:
            imported = own_recipients.add_recipients(tx, id, read)
            words = Text(
                "Added: {added}. Already there: {there}.",
                added=imported.added,
                there=imported.already_there,
            )
            flash(tx, req, words)

        if await _done(req, form, add, field="file"):
            return Redirect(frame.address(id, PAGE))
        return await _list(req, id, upload=form)


class FirstTickedPage:
    """``/admin/campaigns/{id}/recipients/first``"""

    @endpoint(permission=permissions.WRITE, on="id")
    async def on_get(self, req: Request, resp: Response, *, id: str) -> Redirect:
        """Lead to the page with the form."""
        return Redirect(frame.address(id, PAGE))

    @endpoint(permission=permissions.WRITE, on="id", form=FirstTickedForm)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, form: Form[FirstTickedForm]
    ) -> TemplateResponse | Redirect:
        """Save who is ticked at first."""
        if (chosen := form.value) is not None:
            levels = chosen.preselected_levels if chosen.preselected == "LEVELS" else None
            wanted = CampaignChange(
                preselected=chosen.preselected,
                preselected_levels=levels,
                allow_custom_recipients=chosen.allow_custom_recipients,
                version=version_of(chosen.version),
            )

            def save(tx: Tx) -> None:
                services.change(tx, id, wanted, unfinished=True)
                flash(tx, req, Text("Your changes are saved."))

            if await _done(req, form, save):
                return Redirect(frame.address(id, PAGE))
        return await _list(req, id, first=form)


class RecipientPage:
    """``/admin/campaigns/{id}/recipients/{recipient_id}``"""

    @endpoint(permission=permissions.WRITE, on="id")
    async def on_get(
        self, req: Request, resp: Response, *, id: str, recipient_id: str
    ) -> TemplateResponse:
        """Show the form of one recipient."""
        stored = await req.site.db.read(own_recipients.find_recipient, id, recipient_id)
        return await _edit(req, id, stored, _form_of(stored))

    @endpoint(permission=permissions.WRITE, on="id", form=RecipientForm)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, recipient_id: str, form: Form[RecipientForm]
    ) -> TemplateResponse | Redirect:
        """Change a recipient."""
        stored = await req.site.db.read(own_recipients.find_recipient, id, recipient_id)
        if (typed := form.value) is not None:
            wanted = RecipientChange(name=typed.name, email=typed.email, title=typed.title)
            version = typed.version

            def change(tx: Tx) -> None:
                own_recipients.change_recipient(tx, id, recipient_id, wanted, version=version)
                flash(tx, req, Text("Your changes are saved."))

            try:
                if await _done(req, form, change):
                    return Redirect(frame.address(id, PAGE))
            except EditConflict as conflict:
                return await _conflict(req, id, recipient_id, form, conflict)
        return await _edit(req, id, stored, form)


class RemoveRecipientPage:
    """``/admin/campaigns/{id}/recipients/{recipient_id}/remove``"""

    @endpoint(permission=permissions.WRITE, on="id")
    async def on_get(
        self, req: Request, resp: Response, *, id: str, recipient_id: str
    ) -> TemplateResponse:
        """Say what removing a recipient does, and ask."""
        recipient = await req.site.db.read(own_recipients.find_recipient, id, recipient_id)
        context = {**frame.frame_of(req, await frame.load(req, id)), "recipient": recipient}
        return TemplateResponse("influence/admin/recipient_remove.html", context)

    @endpoint(permission=permissions.WRITE, on="id", form=NoFields)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, recipient_id: str, form: Form[NoFields]
    ) -> Redirect:
        """Remove a recipient."""

        def remove(tx: Tx) -> None:
            recipient = own_recipients.find_recipient(id, recipient_id)
            own_recipients.remove_recipient(tx, id, recipient_id)
            flash(tx, req, Text("{name} is removed.", name=recipient.name))

        await req.site.db.write(remove)
        return Redirect(frame.address(id, PAGE))


async def _done(
    req: Request, form: Form[Any], write: Callable[[Tx], None], *, field: str = "email"
) -> bool:
    """Return whether ``write`` was done; else the form shows why it was not.

    A conflict that is not about an older version belongs to ``field``.
    """
    try:
        await req.site.db.write(write)
    except Invalid as invalid:
        show_errors(form, invalid)
    except EditConflict:
        if not form.data.get("seen"):
            form.reject("", frame.CHANGED)
            return False
        raise
    except Conflict as conflict:
        form.reject(field, conflict.detail or conflict.title)
    else:
        return True
    return False


def _form_of(recipient: RecipientOut) -> Form[RecipientForm]:
    form: Form[RecipientForm] = Form.of(
        RecipientForm(name=recipient.name, email=recipient.email, title=recipient.title)
    )
    begin_edit(form, own_recipients.version_of(recipient))
    return form


def _first_form(campaign: CampaignOut) -> Form[FirstTickedForm]:
    """Return the form of who is ticked at first, as it is stored."""
    return Form.of(
        FirstTickedForm(
            preselected=campaign.preselected,
            preselected_levels=campaign.preselected_levels or [],
            allow_custom_recipients=campaign.allow_custom_recipients,
            version=str(campaign.version),
        )
    )


async def _conflict(
    req: Request, id: str, recipient_id: str, form: Form[RecipientForm], conflict: EditConflict
) -> TemplateResponse:
    """Show the form with what was typed, beside what another person has saved."""
    stored = await req.site.db.read(own_recipients.find_recipient, id, recipient_id)
    merged = merge_edits(
        form,
        _form_of(stored),
        LABELS,
        at=conflict.saved_at,
        by=await frame.author_of(req, conflict),
    )
    return await _edit(req, id, stored, form, merged)


async def _edit(
    req: Request,
    id: str,
    recipient: RecipientOut,
    form: Form[RecipientForm],
    merged: MergedEdits | None = None,
) -> TemplateResponse:
    context = {
        **frame.frame_of(req, await frame.load(req, id)),
        "recipient": recipient,
        "form": form,
        "merged": merged,
        "labels": LABELS,
    }
    status = 409 if merged is not None else None
    return TemplateResponse("influence/admin/recipient.html", context, status=status)


async def _list(
    req: Request,
    id: str,
    *,
    form: Form[RecipientForm] | None = None,
    upload: Form[FileForm] | None = None,
    first: Form[FirstTickedForm] | None = None,
    rejected: FileRejected | None = None,
) -> TemplateResponse:
    campaign = await frame.load(req, id)
    recipients = await req.site.db.all(custom_recipients(campaign_id=id))
    if first is not None:  # another person's change must not be taken back unseen
        first.data["version"] = str(campaign.version)
    targeted = campaign.target_government_levels
    context = {
        **frame.frame_of(req, campaign),
        "recipients": recipients,
        "most": MAX_CUSTOM_RECIPIENTS,
        "form": form,
        "upload": upload,
        "rejected": rejected,
        "first": first or _first_form(campaign),
        "first_ticked": FIRST_TICKED,
        "levels": {level: LEVEL_NAMES[level] for level in LEVELS if level in targeted},
        "labels": LABELS,
    }
    status = 422 if rejected is not None else None
    return TemplateResponse("influence/admin/recipients.html", context, status=status)
