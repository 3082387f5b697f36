"""Creating, changing and deleting campaigns."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

import msgspec
import peewee

from changemaker_core import (
    Conflict,
    EditConflict,
    FieldError,
    Invalid,
    Text,
    is_blank,
    new_id,
)
from changemaker_core.features.accounts.api import end_grants
from changemaker_influence import states, webhooks
from changemaker_influence.campaigns import naming, placeholders, queries
from changemaker_influence.campaigns.models import Campaign, EmailTally
from changemaker_influence.campaigns.permissions import SCOPE
from changemaker_influence.campaigns.schemas import CampaignOut
from changemaker_influence.campaigns.slugs import is_slug_of, slug_of

if TYPE_CHECKING:
    from datetime import datetime

    from changemaker_core import Tx
    from changemaker_influence.campaigns.schemas import CampaignChange, NewCampaign

#: Dates outside of these years are mistakes, and do not exist in every time zone.
FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2999
#: Characters of a name, the longest that takes the place of a placeholder.
LONGEST_VALUE: Final = 200
#: The parts of a message that a draft may still lack where it is written step by step.
MESSAGE: Final = ("email_subject", "email_body")
UNWRITTEN: Final = Text("Write at least one word.")


def create(tx: Tx, new: NewCampaign, *, unfinished: bool = False) -> CampaignOut:
    """Create a draft; an ``unfinished`` one may have no message yet.

    Raises ``Invalid`` for dates or placeholders that are wrong.
    """
    values = {**msgspec.structs.asdict(new), "translated_into": None}
    _check_written(values, unfinished=unfinished)
    _check_dates(values)
    check_placeholders(values)
    _check_preselected(values)
    values |= {
        "id": new_id(),
        "status": "DRAFT",
        "starts_at": _in_utc(new.starts_at),
        "ends_at": _in_utc(new.ends_at),
        "published_at": None,
        "created_by": _who(tx),
        "created_at": tx.now,
        "updated_at": tx.now,
        "updated_by": _who(tx),
        "version": 1,
        "slug": naming.free_slug_for(tx, new.title),
    }
    Campaign.insert(**values).execute()
    created = CampaignOut(**values)
    _audit(tx, "created", after=created)
    return created


def change(tx: Tx, id: str, wanted: CampaignChange, *, unfinished: bool = False) -> CampaignOut:
    """Change the fields that ``wanted`` sets; the status follows ``states.CAMPAIGN``.

    The slug follows the title until it is set, or the campaign is first published; a published
    campaign's former slug leads to its new one. An ``unfinished`` draft may have no message yet.
    Raises ``NotFound``, ``Invalid``, ``EditConflict`` where ``wanted`` edits another version than
    the stored one, or ``Conflict`` for a status that cannot follow.
    """
    now = lock(id)
    set_fields = msgspec.structs.asdict(wanted).items()
    values = {name: value for name, value in set_fields if value is not msgspec.UNSET}
    if values.pop("version", now.version) != now.version:
        raise EditConflict(now.updated_at, now.updated_by)
    after = {**msgspec.structs.asdict(now), **values}
    _check_written(values, unfinished=unfinished and now.published_at is None)
    _check_dates(after)
    check_placeholders(values)
    _check_preselected(after)
    _check_status(now, after)
    values |= _new_slug(tx, now, after)
    if now.translated_into and after["language"] != now.language:
        others = [each for each in now.translated_into if each != after["language"]]
        values["translated_into"] = others
    if now.published_at is None and after["status"] == "ACTIVE":
        values["published_at"] = tx.now
        EmailTally.insert(campaign=id, sent=0).on_conflict("NOTHING").execute()
    version = {"version": now.version + 1, "updated_at": tx.now, "updated_by": _who(tx)}
    Campaign.update(**values, **version).where(Campaign.id == id).execute()
    changed = find(id)
    webhooks.campaign_changed(tx, now, changed)
    _audit(tx, "changed", before=now, after=changed)
    return changed


def delete(tx: Tx, id: str) -> None:
    """Delete a campaign that has no messages. Raises ``Conflict`` for others: archive them."""
    campaign = lock(id)
    try:
        Campaign.delete().where(Campaign.id == id).execute()
        webhooks.campaign_deleted(tx, campaign)
        _audit(tx, "deleted", before=campaign)
        end_grants(tx, SCOPE, id)
    except peewee.IntegrityError:
        # The foreign key decides, because it also sees messages that are being written now.
        raise Conflict(
            Text("A campaign with messages cannot be deleted. Archive it instead."),
            code="campaign_has_emails",
        ) from None


def find(id: str) -> CampaignOut:
    """Return the campaign, inside a unit of work. Raises ``RowNotFound``."""
    return queries.campaign_by_id(id=id).get()


def _audit(
    tx: Tx, what: str, *, before: CampaignOut | None = None, after: CampaignOut | None = None
) -> None:
    campaign = after or before
    if campaign is not None:
        tx.audit(
            f"influence.campaign.{what}",
            campaign.id,
            label=campaign.title,
            before=_recorded(before),
            after=_recorded(after),
        )


def _recorded(campaign: CampaignOut | None) -> dict[str, Any] | None:
    """Return the fields that the audit log records: not those that follow from the entry."""
    if campaign is None:
        return None
    fields = msgspec.structs.asdict(campaign)
    for name in ("id", "created_by", "created_at", "updated_at", "updated_by", "version"):
        del fields[name]
    return fields


def lock(id: str) -> CampaignOut:
    """Return the campaign and lock its row until this transaction ends."""
    Campaign.update(updated_at=Campaign.updated_at).where(Campaign.id == id).execute()
    return find(id)


def _new_slug(tx: Tx, now: CampaignOut, after: dict[str, Any]) -> dict[str, str]:
    """Return the slug where it becomes another one. Raises ``Invalid`` for one that is taken."""
    slug = after["slug"]
    if slug != now.slug:
        naming.check_free(tx, slug, now.id)
    elif now.published_at is None and is_slug_of(now.title, now.slug):
        if slug_of(after["title"]) != slug_of(now.title):
            slug = naming.free_slug_for(tx, after["title"], now.id)
    if slug == now.slug:
        return {}
    if now.published_at is not None:
        naming.record_former(tx, now, slug)
    return {"slug": slug}


def _who(tx: Tx) -> str | None:
    return tx.actor.user_id if tx.actor else None


def _in_utc(moment: datetime | None) -> datetime | None:
    """Return the moment as the database returns it."""
    return None if moment is None else moment.astimezone(UTC)


def _check_dates(values: dict[str, Any]) -> None:
    problem = Text(
        "Enter a date between the years {first} and {last}.", first=FIRST_YEAR, last=LAST_YEAR
    )
    dated = [(name, values[name]) for name in ("starts_at", "ends_at") if values[name] is not None]
    if errors := [
        FieldError(name, problem) for name, at in dated if not FIRST_YEAR <= at.year <= LAST_YEAR
    ]:
        raise Invalid(errors)
    starts, ends = values["starts_at"], values["ends_at"]
    if starts is not None and ends is not None and ends <= starts:
        problem = Text("The end must be after the start.")
        raise Invalid([FieldError("ends_at", problem)])


def _check_written(values: dict[str, Any], *, unfinished: bool = False) -> None:
    """Reject texts of which a reader would see nothing."""
    fields = ("title", "name", *(() if unfinished else MESSAGE))
    if errors := [
        FieldError(each, UNWRITTEN) for each in fields if is_blank(values.get(each, "x"))
    ]:
        raise Invalid(errors)


def check_placeholders(values: dict[str, Any]) -> None:
    """Reject misspelt placeholders, which would reach every recipient as they are, and so many
    that a letter to somebody with a long name would be too long: its sender could change nothing.
    """
    known = ", ".join(f"{{{name}}}" for name in placeholders.NAMES)
    longest = {name: "x" * LONGEST_VALUE for name in placeholders.NAMES}
    errors = [
        FieldError(field, placeholders.too_long(most))
        for field, most in (
            ("email_subject", placeholders.LONGEST_FILLED["subject"]),
            ("email_body", placeholders.LONGEST_FILLED["body"]),
        )
        if placeholders.FilledLength(values.get(field, "")).of(longest) > most
    ]
    errors += [
        FieldError(
            field,
            Text("{wrong} is not a placeholder. Use {known}.", wrong=wrong, known=known),
        )
        for field in ("email_subject", "email_body")
        for wrong in placeholders.unknown(values.get(field, ""))
    ]
    if errors:
        raise Invalid(errors)


def _check_preselected(values: dict[str, Any]) -> None:
    """Reject a choice of levels without one: the page would tick nobody."""
    if values["preselected"] == "LEVELS" and not values["preselected_levels"]:
        problem = Text("Choose the levels whose representatives are ticked at first.")
        raise Invalid([FieldError("preselected_levels", problem)])


def _check_status(now: CampaignOut, after: dict[str, Any]) -> None:
    try:
        states.check_campaign(now.status, after["status"])
    except states.IllegalTransition as illegal:
        problem = Text(
            "A campaign cannot go from {now} to {wanted}.",
            now=illegal.now,
            wanted=illegal.wanted,
        )
        raise Conflict(problem, code="illegal_transition") from None
    if after["status"] != "ACTIVE":
        return
    errors = [FieldError(each, UNWRITTEN) for each in MESSAGE if is_blank(after[each])]
    if not (after["target_government_levels"] or after["allow_custom_recipients"]):
        problem = Text("Choose who the campaign writes to before you publish it.")
        errors.append(FieldError("target_government_levels", problem))
    if errors:
        raise Invalid(errors)
