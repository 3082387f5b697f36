"""A campaign in the language of its reader."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, TypeVar

import msgspec

from changemaker_influence.campaigns.queries import texts_in, texts_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from changemaker_core import Database
    from changemaker_influence.campaigns.queries import PublishedCampaign, StoredText
    from changemaker_influence.campaigns.schemas import CampaignCard

#: The texts of a campaign that are translated, in the order in which a reader meets them.
TEXTS: Final = (
    "title",
    "description",
    "call_to_action",
    "cover_photo_alt",
    "email_subject",
    "email_body",
    "thank_you",
)
#: Those without which a campaign is not offered in a language.
REQUIRED: Final = frozenset({"title", "email_subject", "email_body"})
_Shown = TypeVar("_Shown", "PublishedCampaign", "CampaignCard")


async def in_language(
    db: Database, campaign: PublishedCampaign, language: str | None
) -> PublishedCampaign:
    """Return a campaign in ``language`` where it is offered in that; else in its own."""
    offered = campaign.translated_into or ()
    if language is None or language == campaign.language or language not in offered:
        return campaign
    rows = await db.all(texts_of(campaign_id=campaign.id, language=language))
    return _with_texts(campaign, language, rows)


async def cards_in_language(
    db: Database, cards: Sequence[CampaignCard], language: str | None
) -> list[CampaignCard]:
    """Return the campaigns of a list, each in ``language`` where it is offered in that."""
    ids = [each.id for each in cards if language in (each.translated_into or ())]
    if language is None or not ids:
        return list(cards)
    texts: dict[str, list[StoredText]] = {}
    for row in await db.all(texts_in(language=language, campaign_ids=ids)):
        texts.setdefault(row.campaign_id, []).append(row)
    return [
        _with_texts(each, language, texts[each.id])
        if each.id in texts and each.language != language
        else each
        for each in cards
    ]


def languages_of(campaign: PublishedCampaign) -> list[str]:
    """Return the languages in which a campaign is offered, its own first."""
    others = (each for each in campaign.translated_into or () if each != campaign.language)
    return [campaign.language, *others]


def _with_texts(campaign: _Shown, language: str, rows: Iterable[StoredText]) -> _Shown:
    """Return a campaign with its texts in another language.

    A text that has no translation is left out: a page in two languages at once serves nobody.
    """
    found = {row.field: row.text for row in rows}
    if not found.keys() >= REQUIRED:  # withdrawn at this moment
        return campaign
    fields = campaign.__struct_fields__
    texts: dict[str, Any] = {name: found.get(name, "") for name in TEXTS if name in fields}
    return msgspec.structs.replace(campaign, language=language, **texts)
