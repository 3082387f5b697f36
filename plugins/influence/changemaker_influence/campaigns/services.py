"""What may be done with campaigns."""

from __future__ import annotations

from datetime import UTC
from typing import TYPE_CHECKING, Any, Final

import msgspec
import peewee

from changemaker_core import Conflict, FieldError, Invalid, NotFound, Text, new_id
from changemaker_core.mail import HeaderInjection, InvalidAddress
from changemaker_influence import states
from changemaker_influence.addresses import canonical
from changemaker_influence.campaigns import queries
from changemaker_influence.campaigns.models import Campaign, CustomRecipient
from changemaker_influence.campaigns.schemas import CampaignOut
from changemaker_influence.campaigns.slugs import free_slug, slugify
from changemaker_influence.emails import placeholders
from changemaker_influence.emails.models import EmailTally

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

#: Years beyond which no campaign is meant, and some time zone has no date.
FIRST: Final = 1900
LAST: Final = 2999
#: Campaigns of one title that are made at the same moment.
MOST_RIVALS: Final = 100


def create(tx: Tx, new: NewCampaign) -> CampaignOut:
    """A draft from ``new``; raises ``Invalid`` where its dates or its letter do not fit."""
    values = msgspec.structs.asdict(new)
    _check_dates(values)
    _check_placeholders(values)
    values |= {
        "id": new_id(),
        "status": "DRAFT",
        "starts_at": _in_utc(new.starts_at),
        "ends_at": _in_utc(new.ends_at),
        "published_at": None,
        "created_by": tx.actor.id if tx.actor else None,
        "created_at": tx.now,
        "updated_at": tx.now,
    }
    slug = _with_free_slug(new.title, lambda slug: _insert(slug=slug, **values))
    return CampaignOut(slug=slug, **values)


def change(tx: Tx, id: str, wanted: CampaignChange) -> CampaignOut:
    """The campaign with what ``wanted`` names changed; its status follows ``states.CAMPAIGN``.

    The slug follows the title until the campaign is first published; then it stays.
    """
    now = _lock(id)
    values = _named(wanted)
    after = {**msgspec.structs.asdict(now), **values}
    _check_dates(after)
    _check_placeholders(values)
    _check_status(now, after)
    if now.published_at is None:
        if slugify(after["title"]) != slugify(now.title):
            _with_free_slug(after["title"], lambda slug: _rename(tx, id, slug))
        if after["status"] == "ACTIVE":
            values["published_at"] = tx.now
            EmailTally.insert(campaign=id, sent=0).on_conflict("NOTHING").execute()
    _update(id, **values, updated_at=tx.now)
    return find(id)


def delete(tx: Tx, id: str) -> None:
    """Removes a campaign that nobody has written in; others are archived instead."""
    _lock(id)
    try:
        Campaign.delete().where(Campaign.id == id).execute()
    except peewee.IntegrityError:
        # The database says so, as it knows of those who are just writing, too.
        raise Conflict(
            Text("Messages were sent in this campaign. Archive it instead."),
            code="campaign_has_emails",
        ) from None


def add_recipient(tx: Tx, campaign_id: str, new: NewRecipient) -> RecipientOut:
    """Adds somebody to those who may be written to; ``Conflict`` when they were there."""
    _lock(campaign_id)
    email = _mailable(new)
    there = queries.custom_recipients(campaign_id=campaign_id).all()
    if len(there) >= queries.MAX_CUSTOM_RECIPIENTS:
        raise Conflict(Text("This campaign has as many recipients as it may have."))
    if any(recipient.email == email for recipient in there):
        raise Conflict(
            Text("This campaign has a recipient with this address."), code="recipient_exists"
        )
    id = new_id()
    CustomRecipient.insert(
        id=id,
        campaign=campaign_id,
        name=new.name,
        title=new.title,
        email=email,
        created_at=tx.now,
    ).execute()
    there = queries.custom_recipients(campaign_id=campaign_id).all()
    return next(recipient for recipient in there if recipient.id == id)


def _mailable(new: NewRecipient) -> str:
    """The recipient's address in its canonical form; ``Invalid`` where no mail can go to it."""
    try:
        return canonical(new.email)
    except (InvalidAddress, HeaderInjection):
        problem = Text("Enter an email address such as name@example.org.")
        raise Invalid([FieldError("email", problem)]) from None


def find(id: str) -> CampaignOut:
    """The campaign, inside a unit of work; raises ``NotFound``."""
    found = queries.campaign_by_id(id=id).one()
    if found is None:
        raise NotFound
    return found


def _lock(id: str) -> CampaignOut:
    """The campaign, which nobody else changes until this transaction ends."""
    Campaign.update(updated_at=Campaign.updated_at).where(Campaign.id == id).execute()
    return find(id)


def _named(wanted: CampaignChange) -> dict[str, Any]:
    values = msgspec.structs.asdict(wanted)
    return {name: value for name, value in values.items() if value is not msgspec.UNSET}


def _update(id: str, **values: Any) -> None:
    Campaign.update(**values).where(Campaign.id == id).execute()


def _with_free_slug(title: str, write: Callable[[str], bool]) -> str:
    """The slug with which ``write`` had success.

    Each time in vain is another's success, so that there are as many tries as rivals.
    """
    slug = slugify(title)  # nearly always free, and then nothing is looked up
    for _ in range(MOST_RIVALS):
        if write(slug):
            return slug
        slug = free_slug(title, _Taken())
    raise RuntimeError(f"no slug stayed free for {title!r}")


def _insert(**values: Any) -> bool:
    """Whether the campaign was written; it was not if its slug is taken."""
    insert = Campaign.insert(**values).on_conflict("NOTHING", conflict_target=[Campaign.slug])
    return bool(insert.as_rowcount().execute())


def _rename(tx: Tx, id: str, slug: str) -> bool:
    """Whether the campaign has this slug now; it has not if the slug is taken."""
    try:
        with tx.savepoint():
            _update(id, slug=slug)
    except peewee.IntegrityError:
        return False
    return True


def _in_utc(moment: datetime | None) -> datetime | None:
    """As it is read again."""
    return None if moment is None else moment.astimezone(UTC)


class _Taken:
    """The slugs of all campaigns, each looked up by itself: nearly always the first is free."""

    def __contains__(self, slug: object) -> bool:
        return queries.id_of_slug(slug=str(slug)).one() is not None


def _check_dates(values: dict[str, Any]) -> None:
    problem = Text("Enter a date between the years {first} and {last}.", first=FIRST, last=LAST)
    dated = [(name, values[name]) for name in ("starts_at", "ends_at") if values[name] is not None]
    if errors := [FieldError(name, problem) for name, at in dated if not FIRST <= at.year <= LAST]:
        raise Invalid(errors)
    starts, ends = values["starts_at"], values["ends_at"]
    if starts is not None and ends is not None and ends <= starts:
        problem = Text("A campaign ends after it has begun.")
        raise Invalid([FieldError("ends_at", problem)])


def _check_placeholders(values: dict[str, Any]) -> None:
    """A misspelt placeholder would reach every recipient as it is."""
    errors = [
        FieldError(field, _unknown_placeholder(name))
        for field in ("email_subject", "email_body")
        for name in placeholders.unknown(values.get(field, ""))
    ]
    if errors:
        raise Invalid(errors)


def _unknown_placeholder(wrong: str) -> Text:
    known = ", ".join(f"{{{name}}}" for name in placeholders.NAMES)
    return Text(
        "Nothing is filled in for {wrong}. There are {known}.", wrong=f"{{{wrong}}}", known=known
    )


def _check_status(now: CampaignOut, after: dict[str, Any]) -> None:
    try:
        states.check_campaign(now.status, after["status"])
    except states.IllegalTransition as illegal:
        problem = Text(
            "A campaign that is {now} cannot become {wanted}.",
            now=illegal.now,
            wanted=illegal.wanted,
        )
        raise Conflict(problem, code="illegal_transition") from None
    somebody = after["target_government_levels"] or after["allow_custom_recipients"]
    if after["status"] == "ACTIVE" and not somebody:
        problem = Text("Choose whom the campaign writes to before it is published.")
        raise Invalid([FieldError("target_government_levels", problem)])
