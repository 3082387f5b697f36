"""Submitting a message, from what was typed to the ledger: shared by the API and the page."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from changemaker_core import FieldError, Invalid, SlidingWindow, Text
from changemaker_core.mail import Address, HeaderInjection, InvalidAddress, Message
from changemaker_influence.addresses import canonical
from changemaker_influence.campaigns.queries import PublishedCampaign, custom_recipients
from changemaker_influence.config import InfluenceConfig
from changemaker_influence.emails import idempotency, services
from changemaker_influence.emails.recipients import choose, reachable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from changemaker_core import Site
    from changemaker_influence.directories.lookup import Lookups
    from changemaker_influence.directories.representatives import Representative
    from changemaker_influence.emails.idempotency import IdempotentRequest
    from changemaker_influence.emails.schemas import SendEmail
    from changemaker_influence.emails.services import AcceptedEmail

HOUR: Final = timedelta(hours=1)
#: The text that a sender consents to. A change of the wording is a new version.
CONSENT_VERSION: Final = "1"
CONSENT: Final = Text(
    "I agree that my name, email address and postal code are sent with my message to the people I "
    "chose, and stored so that the message can be delivered."
)
CONSENT_MISSING: Final = Text("Please check this box so that we can send your message.")


class Submissions:
    """Submits messages to a site's campaigns."""

    def __init__(self, site: Site, lookups: Lookups) -> None:
        limit = site.config_of(InfluenceConfig).send_limit_per_hour
        self._site = site
        self._lookups = lookups
        self._by_sender = SlidingWindow("influence.sender", limit, HOUR)
        self._by_visitor = SlidingWindow("influence.visitor", limit, HOUR)

    async def submit(
        self,
        campaign: PublishedCampaign | None,
        wanted: SendEmail,
        *,
        visitor: str,
        locale: str,
        idempotent: IdempotentRequest | None = None,
    ) -> list[AcceptedEmail]:
        """Queue a message to the chosen recipients, all of whom the sender may write to.

        Raises the problems of ``services.record``, ``Invalid`` for a message that does not fit the
        campaign, and ``LOOKUP_ERRORS``.
        """
        if idempotent is not None:
            stored = await self._site.db.read(idempotency.find_response, idempotent)
            if stored is not None:
                return services.accepted_from(stored)
        campaign = services.check_open(campaign, self._site.clock())
        _check(campaign, wanted)
        postal_code = self._lookups.format_code(wanted.postal_code)
        representatives: Sequence[Representative] = ()
        if campaign.target_government_levels:
            representatives = (await self._lookups.find(postal_code)).entry.representatives
        custom = await self._site.db.all(custom_recipients(campaign_id=campaign.id))
        people = reachable(campaign, representatives, custom)
        submission = services.Submission(
            campaign_id=campaign.id,
            sender_name=wanted.sender_name,
            sender_email=canonical(wanted.sender_email),
            postal_code=postal_code,
            recipients=choose(people, emails=wanted.recipient_emails, keys=wanted.recipient_keys),
            subject=wanted.subject or campaign.email_subject,
            body=wanted.body or campaign.email_body,
            consent_text=self._site.translations.translate(CONSENT, locale),
            consent_version=CONSENT_VERSION,
            consent_language=locale,
        )
        limits = [(self._by_sender, submission.sender_email), (self._by_visitor, visitor)]
        return await self._site.db.write(services.record, submission, limits, idempotent)


def _check(campaign: PublishedCampaign, wanted: SendEmail) -> None:
    """Raise ``Invalid`` with every error of the message, before anything is looked up."""
    errors = []
    if not campaign.allow_email_editing:
        own = {"subject": campaign.email_subject, "body": campaign.email_body}
        errors += [
            FieldError(field, Text("The message of this campaign cannot be changed."))
            for field, text in own.items()
            if getattr(wanted, field) not in (None, text)
        ]
    errors += _mail_errors(campaign, wanted)
    if not wanted.consent:
        errors.append(FieldError("consent", CONSENT_MISSING))
    if errors:
        raise Invalid(errors)


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
