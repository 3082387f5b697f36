"""Writing a campaign's texts in other languages."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any, Final, get_args

import msgspec

from changemaker_core import EditConflict, FieldError, Invalid, NotFound, Text, is_blank
from changemaker_influence.campaigns import services
from changemaker_influence.campaigns.languages import REQUIRED, TEXTS
from changemaker_influence.campaigns.models import Campaign, CampaignText
from changemaker_influence.campaigns.queries import texts_of
from changemaker_influence.campaigns.schemas import Language
from changemaker_influence.translations.schemas import TranslatedText, Translation

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable

    from changemaker_core import Tx
    from changemaker_influence.campaigns.queries import StoredText
    from changemaker_influence.campaigns.schemas import CampaignOut
    from changemaker_influence.translations.schemas import TranslationChange

#: The languages that a campaign can have.
LANGUAGES: Final[tuple[str, ...]] = get_args(Language)


def others_of(campaign: CampaignOut) -> list[str]:
    """Return the languages that a campaign can be translated into."""
    return [each for each in LANGUAGES if each != campaign.language]


def translations(campaign_id: str) -> list[Translation]:
    """Return a campaign's translations, begun or not, inside a unit of work.

    Raises ``RowNotFound``.
    """
    campaign = services.find(campaign_id)
    rows = texts_of(campaign_id=campaign_id).all()
    return [
        _translation(campaign, language, [row for row in rows if row.language == language])
        for language in others_of(campaign)
    ]


def translation(campaign_id: str, language: str) -> Translation:
    """Return a campaign's translation, inside a unit of work.

    Raises ``NotFound`` for its own language, and for those that no campaign has.
    """
    campaign = services.find(campaign_id)
    if language not in others_of(campaign):
        raise NotFound
    return _translation(
        campaign, language, texts_of(campaign_id=campaign_id, language=language).all()
    )


def translate(
    tx: Tx,
    campaign_id: str,
    language: str,
    wanted: TranslationChange,
    *,
    still_right: Collection[str] | None = None,
) -> Translation:
    """Write a campaign's texts in another language.

    A text that is the stored one counts as outdated as before, unless its field is among
    ``still_right``; without that argument each text counts as right for the original of now.

    Raises ``NotFound``, ``Invalid`` for wrong placeholders, and ``EditConflict`` where ``wanted``
    edits another version than the stored one.
    """
    campaign = services.lock(campaign_id)
    before = translation(campaign_id, language)
    values = {
        name: value
        for name, value in msgspec.structs.asdict(wanted).items()
        if value is not msgspec.UNSET
    }
    if values.pop("version", before.version) != before.version:
        raise EditConflict(before.updated_at or campaign.updated_at, before.updated_by)
    stored = {each.field: each for each in before.texts}
    _check(campaign, values, before)
    for name, text in values.items():
        same = text == stored[name].text
        if not same or still_right is None or name in still_right:
            _store(tx, campaign, language, name, text)
    after = translation(campaign_id, language)
    _offer(campaign, after)
    tx.audit(
        "influence.campaign.translated",
        campaign_id,
        label=campaign.title,
        before=_recorded(before),
        after=_recorded(after),
    )
    return translation(campaign_id, language)


def remove(tx: Tx, campaign_id: str, language: str) -> None:
    """Remove a campaign's translation. Raises ``NotFound``."""
    campaign = services.lock(campaign_id)
    before = translation(campaign_id, language)
    if before.updated_at is None:
        raise NotFound
    own = (CampaignText.campaign == campaign_id) & (CampaignText.language == language)
    CampaignText.delete().where(own).execute()
    _offer(campaign, translation(campaign_id, language))
    tx.audit(
        "influence.campaign.translation_removed",
        campaign_id,
        label=campaign.title,
        before=_recorded(before),
    )


def _translation(campaign: CampaignOut, language: str, rows: Iterable[StoredText]) -> Translation:
    stored = {row.field: row for row in rows if row.field in TEXTS}
    latest = max(stored.values(), key=lambda row: row.updated_at, default=None)
    return Translation(
        language=language,
        is_offered=stored.keys() >= REQUIRED,
        version=_version_of(stored),
        updated_at=None if latest is None else latest.updated_at,
        updated_by=None if latest is None else latest.updated_by,
        texts=[_text(campaign, name, stored.get(name)) for name in TEXTS],
    )


def _text(campaign: CampaignOut, name: str, row: StoredText | None) -> TranslatedText:
    original: str = getattr(campaign, name)
    if row is None:
        return TranslatedText(
            field=name,
            original=original,
            text="",
            translated_from="",
            is_missing=bool(original),
            is_outdated=False,
        )
    return TranslatedText(
        field=name,
        original=original,
        text=row.text,
        translated_from=row.original,
        is_missing=False,
        is_outdated=row.original != original,
    )


def _version_of(stored: dict[str, StoredText]) -> str:
    """Return what tells these texts, and what they were translated from, from other ones."""
    digest = hashlib.sha256()
    for name in sorted(stored):
        digest.update(f"{name}\0{stored[name].text}\0{stored[name].original}\0".encode())
    return digest.hexdigest()[:32]


def _check(campaign: CampaignOut, values: dict[str, Any], before: Translation) -> None:
    """Reject texts that a letter cannot have, and the removal of what readers see.

    A translation that was offered for letters is not half removed by an empty field.
    """
    services.check_placeholders(values)
    emptied = {name for name in REQUIRED if name in values and is_blank(values[name])}
    if emptied and before.is_offered and campaign.published_at is not None:
        problem = Text(
            "Supporters see this campaign in this language. Write this text, or remove the"
            " whole translation."
        )
        raise Invalid([FieldError(name, problem) for name in TEXTS if name in emptied])
    for name in list(values):
        if is_blank(values[name]):
            values[name] = ""


def _store(tx: Tx, campaign: CampaignOut, language: str, name: str, text: str) -> None:
    key = (
        (CampaignText.campaign == campaign.id)
        & (CampaignText.language == language)
        & (CampaignText.field == name)
    )
    CampaignText.delete().where(key).execute()
    if text:
        CampaignText.insert(
            campaign=campaign.id,
            language=language,
            field=name,
            text=text,
            original=getattr(campaign, name),
            updated_at=tx.now,
            updated_by=tx.actor.user_id if tx.actor else None,
        ).execute()


def _offer(campaign: CampaignOut, translation: Translation) -> None:
    """Record in the campaign whether readers see it in this language."""
    offered = set(campaign.translated_into or ()) - {translation.language, campaign.language}
    if translation.is_offered:
        offered.add(translation.language)
    update = Campaign.update(translated_into=sorted(offered) or None)
    update.where(Campaign.id == campaign.id).execute()


def _recorded(translation: Translation) -> dict[str, Any]:
    texts = {f"{translation.language}.{each.field}": each.text for each in translation.texts}
    outdated = [each.field for each in translation.texts if each.is_outdated]
    return {**texts, f"{translation.language}.outdated": outdated}
