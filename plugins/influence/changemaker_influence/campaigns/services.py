"""Creating, changing and deleting campaigns."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

import msgspec
import peewee

from changemaker_core import Conflict, FieldError, Invalid, NotFound, Text, is_blank, new_id
from changemaker_core.features.accounts.api import end_grants
from changemaker_core.mail import HeaderInjection, InvalidAddress
from changemaker_influence import states, webhooks
from changemaker_influence.addresses import canonical
from changemaker_influence.campaigns import placeholders, queries
from changemaker_influence.campaigns.models import Campaign, CustomRecipient, EmailTally
from changemaker_influence.campaigns.permissions import SCOPE
from changemaker_influence.campaigns.schemas import CampaignOut
from changemaker_influence.campaigns.slugs import free_slug, slug_of

if TYPE_CHECKING:
    from collections.abc import Callable
    from datetime import datetime

    from changemaker_core import Tx
    from changemaker_influence.campaigns.schemas import (
        CampaignChange,
        NewCampaign,
        NewRecipient,
        RecipientOut,
    )

#: Dates outside of these years are mistakes, and do not exist in every time zone.
FIRST_YEAR: Final = 1900
LAST_YEAR: Final = 2999
#: Characters of a name, the longest that takes the place of a placeholder.
LONGEST_VALUE: Final = 200
#: The number of campaigns of one title that may be created at the same moment.
SLUG_ATTEMPTS: Final = 100


def create(tx: Tx, new: NewCampaign) -> CampaignOut:
    """Create a draft. Raises ``Invalid`` for dates or placeholders that are wrong."""
    values = msgspec.structs.asdict(new)
    _check_written(values)
    _check_dates(values)
    _check_placeholders(values)
    values |= {
        "id": new_id(),
        "status": "DRAFT",
        "starts_at": _in_utc(new.starts_at),
        "ends_at": _in_utc(new.ends_at),
        "published_at": None,
        "created_by": tx.actor.user_id if tx.actor else None,
        "created_at": tx.now,
        "updated_at": tx.now,
    }
    slug = _with_free_slug(new.title, lambda slug: _insert(slug=slug, **values))
    created = CampaignOut(slug=slug, **values)
    _audit(tx, "created", after=created)
    return created


def change(tx: Tx, id: str, wanted: CampaignChange) -> CampaignOut:
    """Change the fields that ``wanted`` sets; the status follows ``states.CAMPAIGN``.

    The slug follows the title until the campaign is first published; then it stays. Raises
    ``NotFound``, ``Invalid``, or ``Conflict`` for a status that cannot follow.
    """
    now = _lock(id)
    set_fields = msgspec.structs.asdict(wanted).items()
    values = {name: value for name, value in set_fields if value is not msgspec.UNSET}
    after = {**msgspec.structs.asdict(now), **values}
    _check_written(values)
    _check_dates(after)
    _check_placeholders(values)
    _check_status(now, after)
    if now.published_at is None:
        if slug_of(after["title"]) != slug_of(now.title):
            _with_free_slug(after["title"], lambda slug: _rename(tx, id, slug))
        if after["status"] == "ACTIVE":
            values["published_at"] = tx.now
            EmailTally.insert(campaign=id, sent=0).on_conflict("NOTHING").execute()
    _update(id, **values, updated_at=tx.now)
    changed = find(id)
    webhooks.campaign_changed(tx, now, changed)
    _audit(tx, "changed", before=now, after=changed)
    return changed


def delete(tx: Tx, id: str) -> None:
    """Delete a campaign that has no messages. Raises ``Conflict`` for others: archive them."""
    campaign = _lock(id)
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


def add_recipient(tx: Tx, campaign_id: str, new: NewRecipient) -> RecipientOut:
    """Add a recipient.

    Raises ``Invalid`` for a wrong address, ``Conflict`` for one that exists or for too many.
    """
    _lock(campaign_id)
    _check_written({"name": new.name})
    try:
        email = canonical(new.email)
    except (InvalidAddress, HeaderInjection):
        problem = Text("Enter an email address such as name@example.org.")
        raise Invalid([FieldError("email", problem)]) from None
    recipients = queries.custom_recipients(campaign_id=campaign_id).all()
    if len(recipients) >= queries.MAX_CUSTOM_RECIPIENTS:
        raise Conflict(Text("This campaign has reached its maximum number of recipients."))
    if any(recipient.email == email for recipient in recipients):
        raise Conflict(
            Text("This campaign already has a recipient with this address."),
            code="recipient_exists",
        )
    id = new_id()
    CustomRecipient.insert(
        new, id=id, campaign=campaign_id, email=email, created_at=tx.now
    ).execute()
    recipients = queries.custom_recipients(campaign_id=campaign_id).all()
    added = next(recipient for recipient in recipients if recipient.id == id)
    _audit_recipient(tx, "added", campaign_id, added, "after")
    return added


def remove_recipient(tx: Tx, campaign_id: str, id: str) -> None:
    """Remove a recipient. Raises ``RowNotFound`` or ``NotFound``."""
    _lock(campaign_id)
    recipients = queries.custom_recipients(campaign_id=campaign_id).all()
    removed = next((each for each in recipients if each.id == id), None)
    own = (CustomRecipient.id == id) & (CustomRecipient.campaign == campaign_id)
    if not CustomRecipient.delete().where(own).execute() or removed is None:
        raise NotFound
    _audit_recipient(tx, "removed", campaign_id, removed, "before")


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
    for name in ("id", "created_by", "created_at", "updated_at"):
        del fields[name]
    return fields


def _audit_recipient(tx: Tx, what: str, campaign_id: str, one: RecipientOut, side: str) -> None:
    """Record a campaign's own recipient, who is a person with a name and an address."""
    fields = {side: msgspec.structs.asdict(one)}
    tx.audit(
        f"influence.campaign.recipient_{what}",
        campaign_id,
        label=one.name,
        person=one.email,
        personal=("name", "title", "email"),
        before=fields.get("before"),
        after=fields.get("after"),
    )


def _lock(id: str) -> CampaignOut:
    """Return the campaign and lock its row until this transaction ends."""
    Campaign.update(updated_at=Campaign.updated_at).where(Campaign.id == id).execute()
    return find(id)


def _update(id: str, **values: Any) -> None:
    Campaign.update(**values).where(Campaign.id == id).execute()


def _with_free_slug(title: str, write: Callable[[str], bool]) -> str:
    """Return the slug that ``write`` could store: ``write(slug)`` is False where it is taken.

    Each failure is another transaction's success, so that rivals limit the attempts.
    """
    slug = slug_of(title)  # nearly always free, and then nothing is looked up
    for _ in range(SLUG_ATTEMPTS):
        if write(slug):
            return slug
        slug = free_slug(title, _TakenSlugs())
    raise RuntimeError(f"no free slug was found for {title!r}")


def _insert(**values: Any) -> bool:
    """Return whether the campaign was inserted; False where its slug is taken."""
    insert = Campaign.insert(**values).on_conflict("NOTHING", conflict_target=[Campaign.slug])
    return bool(insert.as_rowcount().execute())


def _rename(tx: Tx, id: str, slug: str) -> bool:
    """Return whether the campaign was renamed; False where the slug is taken."""
    try:
        with tx.savepoint():
            _update(id, slug=slug)
    except peewee.IntegrityError:
        return False
    return True


def _in_utc(moment: datetime | None) -> datetime | None:
    """Return the moment as the database returns it."""
    return None if moment is None else moment.astimezone(UTC)


class _TakenSlugs:
    """The slugs of all campaigns as a container that looks each one up."""

    def __contains__(self, slug: object) -> bool:
        return queries.id_of_slug(slug=str(slug)).one() is not None


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


def _check_written(values: dict[str, Any]) -> None:
    """Reject texts of which a reader would see nothing."""
    problem = Text("Write at least one word.")
    fields = ("title", "name", "email_subject", "email_body")
    if errors := [FieldError(each, problem) for each in fields if is_blank(values.get(each, "x"))]:
        raise Invalid(errors)


def _check_placeholders(values: dict[str, Any]) -> None:
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
    targets = after["target_government_levels"] or after["allow_custom_recipients"]
    if after["status"] == "ACTIVE" and not targets:
        problem = Text("Choose who the campaign writes to before you publish it.")
        raise Invalid([FieldError("target_government_levels", problem)])
