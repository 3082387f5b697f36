"""Campaigns that begin as copies of others."""

from __future__ import annotations

from typing import TYPE_CHECKING

import msgspec

from changemaker_influence.campaigns import queries
from changemaker_influence.campaigns.models import CampaignText
from changemaker_influence.campaigns.own_recipients import add_recipient
from changemaker_influence.campaigns.schemas import NewCampaign, NewRecipient
from changemaker_influence.campaigns.services import MESSAGE, create, find

if TYPE_CHECKING:
    from changemaker_core import Tx
    from changemaker_influence.campaigns.schemas import CampaignOut, Duplicate


def duplicate(tx: Tx, id: str, wanted: Duplicate) -> CampaignOut:
    """Create a draft that is like another campaign. Raises ``RowNotFound`` and ``Invalid``."""
    original = msgspec.structs.asdict(find(id))
    fields = {name: original[name] for name in NewCampaign.__struct_fields__}
    fields |= {"title": wanted.title, "starts_at": None, "ends_at": None}
    if not wanted.texts:
        fields |= dict.fromkeys((*MESSAGE, "description", "call_to_action", "thank_you"), "")
    if not wanted.photo:
        fields |= {"cover_photo": "", "cover_photo_alt": ""}
    made = create(tx, NewCampaign(**fields), unfinished=True)
    if wanted.texts:
        _copy_translations(tx, id, made.id)
    if wanted.recipients:
        for each in queries.custom_recipients(campaign_id=id).all():
            add_recipient(
                tx, made.id, NewRecipient(name=each.name, email=each.email, title=each.title)
            )
    return made


def _copy_translations(tx: Tx, id: str, copy: str) -> None:
    """Copy the texts in other languages, except for titles: the copy has another one."""
    for row in queries.texts_of(campaign_id=id).all():
        if row.field != "title":
            values = {"text": row.text, "original": row.original, "updated_by": row.updated_by}
            CampaignText.insert(
                campaign=copy,
                language=row.language,
                field=row.field,
                updated_at=tx.now,
                **values,
            ).execute()
