"""Submitting a message, from what was typed to the ledger: shared by the API and the page."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from msgspec import UNSET

from changemaker_core import FieldError, Invalid, Text, is_blank
from changemaker_core.mail import Address, HeaderInjection, InvalidAddress, Message
from changemaker_influence.addresses import canonical
from changemaker_influence.campaigns import placeholders
from changemaker_influence.campaigns.queries import PublishedCampaign, custom_recipients
from changemaker_influence.config import InfluenceConfig
from changemaker_influence.directories.errors import LOOKUP_ERRORS
from changemaker_influence.directories.postal_codes import PostalCodeInvalid
from changemaker_influence.emails import idempotency, services
from changemaker_influence.emails.consent import consent_to
from changemaker_influence.emails.recipients import are_named, choose, count_guesses, reachable
from changemaker_influence.networks.allowance import Allowance
from changemaker_influence.settings import InfluenceSettings

if TYPE_CHECKING:
    from datetime import datetime

    from changemaker_core import Site, Tx
    from changemaker_influence.directories.lookup import Lookups
    from changemaker_influence.emails.idempotency import IdempotentRequest
    from changemaker_influence.emails.recipients import Recipient
    from changemaker_influence.emails.schemas import SendEmail
    from changemaker_influence.emails.services import AcceptedEmail

POSTAL_CODE_MISSING: Final = Text("Enter your postal code.")
CONSENT_MISSING: Final = Text("Please check this box so that we can send your message.")
UNNAMED: Final = Text("Enter your name.")
#: The error of each part of a message that its sender may write, and left empty.
UNWRITTEN: Final = {
    "subject": Text("Write a subject."),
    "body": Text("Write your message."),
}


class Submissions:
    """Submits messages to a site's campaigns."""

    def __init__(self, site: Site, lookups: Lookups) -> None:
        self._site = site
        self._lookups = lookups
        self._allowance = Allowance(
            site.config_of(InfluenceConfig), lambda: site.settings(InfluenceSettings)
        )

    async def submit(
        self,
        campaign: PublishedCampaign | None,
        wanted: SendEmail,
        *,
        visitor: str,
        locale: str,
        user: str | None = None,
        idempotent: IdempotentRequest | None = None,
    ) -> list[AcceptedEmail]:
        """Queue a message to the chosen recipients, all of whom the sender may write to.

        ``user`` is the id of who is signed in.

        Raises the problems of ``services.record`` and those of ``prepare``.
        """
        if idempotent is not None:
            stored = await self._site.db.read(idempotency.find_response, idempotent)
            if stored is not None:
                return services.accepted_from(stored)
        submission = await self.prepare(campaign, wanted, visitor=visitor, locale=locale)

        def count(tx: Tx) -> datetime | None:
            mailboxes = [each.email for each in submission.recipients]
            return self._allowance.take(tx, visitor, submission.sender_email, mailboxes, user=user)

        return await self._site.db.write(services.record, submission, count, idempotent)

    async def preview(
        self, campaign: PublishedCampaign, wanted: SendEmail, *, visitor: str, locale: str
    ) -> services.Submission:
        """Return a message that is shown before it is sent, and needs no consent yet.

        Raises what ``prepare`` raises, and ``LimitReached``: it is rendered for each recipient.
        """
        await self._site.db.write(self._allowance.take_preview, visitor)
        return await self.prepare(campaign, wanted, visitor=visitor, locale=locale, consented=True)

    async def prepare(
        self,
        campaign: PublishedCampaign | None,
        wanted: SendEmail,
        *,
        visitor: str,
        locale: str,
        consented: bool = False,
    ) -> services.Submission:
        """Return the message as ``submit`` would queue it.

        ``consented`` is for a message that is only shown. Raises ``Invalid`` for a message that
        does not fit the campaign, ``NotFound`` or ``Conflict`` for a campaign that takes none, and
        ``LOOKUP_ERRORS``.
        """
        campaign = services.check_open(campaign, self._site.clock())
        _check(campaign, wanted, consented or wanted.consent)
        recipients = await self._recipients(campaign, wanted, visitor)
        consent = consent_to(postal_code=not is_blank(wanted.postal_code))
        submission = services.Submission(
            campaign_id=campaign.id,
            campaign_title=campaign.title,
            language=campaign.language,
            sender_name=wanted.sender_name.strip(),
            sender_email=canonical(wanted.sender_email),
            postal_code=self._formatted(wanted.postal_code),
            recipients=recipients,
            subject=wanted.subject or campaign.email_subject,
            body=wanted.body or campaign.email_body,
            consent_text=self._site.translations.translate(consent.text, locale),
            consent_version=consent.version,
            consent_language=locale,
            own_subject=campaign.email_subject,
            own_body=campaign.email_body,
        )
        services.check_filled(submission)
        return submission

    async def _recipients(
        self, campaign: PublishedCampaign, wanted: SendEmail, visitor: str
    ) -> list[Recipient]:
        """Return whom the message names.

        Each address that is not public counts as a guess, right or wrong, and so does each of a
        message for which nobody was looked up: else an address could be found out by trying.
        """
        emails = wanted.recipient_emails
        try:
            people = await self._reachable(campaign, wanted, visitor)
        except (Invalid, *LOOKUP_ERRORS):
            await self._count_guesses(campaign, visitor, len(emails))
            raise
        await self._count_guesses(campaign, visitor, count_guesses(people, emails))
        return choose(people, emails=emails, keys=wanted.recipient_keys)

    async def _count_guesses(self, campaign: PublishedCampaign, visitor: str, count: int) -> None:
        if count and campaign.allow_custom_recipients:
            await self._site.db.write(self._allowance.take_guesses, visitor, count)

    async def _reachable(
        self, campaign: PublishedCampaign, wanted: SendEmail, visitor: str
    ) -> list[Recipient]:
        """Return whom the sender may write to.

        The directory is queried only for those who are elected: to the campaign's own recipients,
        everyone may write, wherever they live.
        """
        custom = await self._site.db.all(custom_recipients(campaign_id=campaign.id))
        own = reachable(campaign, (), custom)
        elected = not are_named(own, emails=wanted.recipient_emails, keys=wanted.recipient_keys)
        if not elected or not campaign.target_government_levels:
            return own
        if is_blank(wanted.postal_code):
            raise Invalid([FieldError("postal_code", POSTAL_CODE_MISSING)])
        found = await self._lookups.find(wanted.postal_code, visitor=visitor)
        return reachable(campaign, found.entry.representatives, custom)

    def _formatted(self, typed: str) -> str:
        """Return a postal code as people write it; one of another country as it was typed."""
        try:
            return self._lookups.format_code(typed)
        except PostalCodeInvalid:
            return typed.strip()


def mentions_postal_code(*texts: str) -> bool:
    """Return whether a message contains the sender's postal code."""
    return any(placeholders.fill(text, {"postal_code": ""}) != text for text in texts)


def _check(campaign: PublishedCampaign, wanted: SendEmail, consented: bool) -> None:
    """Raise ``Invalid`` with every error of the message, before anything is looked up."""
    if campaign.allow_email_editing:
        errors = _own_text_errors(wanted)
    else:
        errors = _changes(campaign, wanted)
    if is_blank(wanted.sender_name):
        errors.append(FieldError("sender_name", UNNAMED))
    errors += _mail_errors(campaign, wanted)
    message = (wanted.subject or campaign.email_subject, wanted.body or campaign.email_body)
    if is_blank(wanted.postal_code) and mentions_postal_code(*message):
        errors.append(FieldError("postal_code", POSTAL_CODE_MISSING))
    if not consented:
        errors.append(FieldError("consent", CONSENT_MISSING))
    if errors:
        raise Invalid(errors)


def _own_text_errors(wanted: SendEmail) -> list[FieldError]:
    """Return what is wrong with a text that its sender could write.

    The campaign's own never takes the place of one that they emptied: it would be sent in their
    name.
    """
    errors = []
    for field, unwritten in UNWRITTEN.items():
        text = getattr(wanted, field)
        if text is UNSET:
            continue
        if is_blank(text):
            errors.append(FieldError(field, unwritten))
        elif unknown := placeholders.unknown(text):
            names = ", ".join(dict.fromkeys(unknown))
            problem = Text("Write your own words in place of {names}.", names=names)
            errors.append(FieldError(field, problem))
    return errors


def _changes(campaign: PublishedCampaign, wanted: SendEmail) -> list[FieldError]:
    """Return an error for each changed part of a message that cannot be changed."""
    own = {"subject": campaign.email_subject, "body": campaign.email_body}
    return [
        FieldError(field, Text("The message of this campaign cannot be changed."))
        for field, text in own.items()
        if getattr(wanted, field) not in (UNSET, text)
    ]


def _mail_errors(campaign: PublishedCampaign, wanted: SendEmail) -> list[FieldError]:
    """Return what would make the mail impossible to write."""
    fields = {"name": "sender_name", "email": "sender_email", "subject": "subject"}
    try:
        sender = Address(wanted.sender_name, canonical(wanted.sender_email))
        subject = wanted.subject or campaign.email_subject
        Message(to=sender, reply_to=sender, subject=subject, text=wanted.body or "")
    except HeaderInjection as error:
        problem = Text("Write this on one line, without control characters.")
        return [FieldError(fields.get(error.field, ""), problem)]
    except InvalidAddress:
        problem = Text("Enter an email address such as name@example.org.")
        return [FieldError("sender_email", problem)]
    except UnicodeEncodeError:
        problem = Text("This text contains characters that cannot be sent by email.")
        return [FieldError("body", problem)]
    return []
