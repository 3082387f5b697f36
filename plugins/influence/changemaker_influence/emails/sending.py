"""Taking a message, from what was typed to the ledger: what the API and the page share."""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING

from changemaker_core import FieldError, Invalid, SlidingWindow, Text
from changemaker_core.mail import Address, HeaderInjection, InvalidAddress, Message
from changemaker_influence.addresses import canonical
from changemaker_influence.campaigns.queries import CampaignView, custom_recipients
from changemaker_influence.config import InfluenceConfig
from changemaker_influence.emails import services
from changemaker_influence.emails.consent import CONSENT, CONSENT_VERSION, PLEASE_AGREE
from changemaker_influence.emails.recipients import choose, reachable

if TYPE_CHECKING:
    from collections.abc import Sequence

    from changemaker_core import Site
    from changemaker_influence.directories.lookup import Lookups
    from changemaker_influence.directories.representatives import Representative
    from changemaker_influence.emails.idempotency import Once
    from changemaker_influence.emails.recipients import Recipient
    from changemaker_influence.emails.schemas import SendEmail
    from changemaker_influence.emails.services import TakenEmail

HOUR = timedelta(hours=1)


class Sending:
    """Takes messages for a site's campaigns."""

    def __init__(self, site: Site, lookups: Lookups) -> None:
        limit = site.settings(InfluenceConfig).send_limit_per_hour
        self._site = site
        self._lookups = lookups
        self._by_sender = SlidingWindow("influence.sender", limit, HOUR)
        self._by_visitor = SlidingWindow("influence.visitor", limit, HOUR)

    async def take(
        self,
        campaign: CampaignView | None,
        wanted: SendEmail,
        *,
        visitor: str,
        locale: str,
        once: Once | None = None,
    ) -> list[TakenEmail]:
        """Takes a message to those of ``wanted``'s recipients who are the sender's own.

        Raises the problems of ``services.take``, ``Invalid`` for what does not fit the campaign,
        and the problems of a lookup.
        """
        if once is not None:
            before = await self._site.db.read(services.taken_before, once)
            if before is not None:
                return before
        campaign = services.check_open(campaign, self._site.clock())
        _check(campaign, wanted)
        order = await self._order(campaign, wanted, locale)
        limits = (
            services.Limit(self._by_sender, order.sender_email),
            services.Limit(self._by_visitor, visitor),
        )
        return await self._site.db.write(services.take, order, limits, once)

    async def _order(
        self, campaign: CampaignView, wanted: SendEmail, locale: str
    ) -> services.Order:
        postal_code = self._lookups.spaced(wanted.postal_code)
        people = await self._reachable(campaign, postal_code)
        return services.Order(
            campaign_id=campaign.id,
            sender_name=wanted.sender_name,
            sender_email=canonical(wanted.sender_email),
            postal_code=postal_code,
            recipients=choose(people, emails=wanted.recipient_emails, keys=wanted.recipient_keys),
            subject=wanted.subject or campaign.email_subject,
            body=wanted.body or campaign.email_body,
            consent=self._consent(locale),
        )

    async def _reachable(self, campaign: CampaignView, postal_code: str) -> list[Recipient]:
        """Whom somebody at ``postal_code`` may write to."""
        representatives: Sequence[Representative] = ()
        if campaign.target_government_levels:
            representatives = (await self._lookups.find(postal_code)).answer.representatives
        custom = await self._site.db.all(custom_recipients(campaign_id=campaign.id))
        return reachable(campaign, representatives, custom)

    def _consent(self, locale: str) -> services.Consent:
        wording = self._site.translations.translate(CONSENT, locale)
        return services.Consent(text=wording, version=CONSENT_VERSION, language=locale)


def _check(campaign: CampaignView, wanted: SendEmail) -> None:
    errors = [*_editing_errors(campaign, wanted), *_mail_errors(campaign, wanted)]
    if not wanted.consent:
        errors.append(FieldError("consent", PLEASE_AGREE))
    if errors:
        raise Invalid(errors)


def _editing_errors(campaign: CampaignView, wanted: SendEmail) -> list[FieldError]:
    if campaign.allow_email_editing:
        return []
    own = {"subject": campaign.email_subject, "body": campaign.email_body}
    problem = Text("The message of this campaign cannot be changed.")
    return [
        FieldError(field, problem)
        for field, text in own.items()
        if getattr(wanted, field) not in (None, text)
    ]


def _mail_errors(campaign: CampaignView, wanted: SendEmail) -> list[FieldError]:
    """What would stop the mail from being written, found before anything is promised."""
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
        return [FieldError("body", Text("This text holds characters that no mail can carry."))]
    return []
