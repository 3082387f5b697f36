"""Messages over HTTP: the public API to send one, and the organiser's list."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, Final

import msgspec

from changemaker_core import (
    Cursors,
    FieldError,
    Invalid,
    LimitReached,
    NotFound,
    Paginated,
    Text,
    csv_stream,
    endpoint,
    paginate,
    xlsx_stream,
)
from changemaker_influence.campaigns import permissions
from changemaker_influence.campaigns.languages import in_language, languages_of
from changemaker_influence.campaigns.queries import campaign_by_id, published_by_id
from changemaker_influence.campaigns.services import find as find_campaign
from changemaker_influence.directories.errors import LOOKUP_ERRORS, problem_for
from changemaker_influence.emails import trials
from changemaker_influence.emails.idempotency import IdempotentRequest
from changemaker_influence.emails.queries import emails_of_campaign, state_of_email
from changemaker_influence.emails.schemas import (
    EmailOut,
    EmailQuery,
    ExportQuery,
    PublicEmail,
    Queued,
    QueuedEmail,
    SendEmail,
    TestLetter,
)
from changemaker_influence.networks import allowance

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from changemaker_core import Request, Response, Site, Streamed, Tx
    from changemaker_influence.emails.submission import Submissions
    from changemaker_influence.states import EmailStatus

MAX_IDEMPOTENCY_KEY = 255
_XLSX: Final = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"


class TestLetterResource:
    """``/api/campaigns/{id}/test-email``"""

    def __init__(self, site: Site) -> None:
        self._db = site.db

    @endpoint(
        permission=permissions.READ,
        on="id",
        response=TestLetter,
        status=202,
        responses={409: "No letter is written yet, or the key belongs to no person."},
    )
    async def on_post(self, req: Request, resp: Response, *, id: str) -> TestLetter:
        """Send the campaign's letter to the organiser who asks for it. It is not counted."""
        campaign = await self._db.get(campaign_by_id(id=id))
        return TestLetter(sent_to=await self._db.write(trials.request_test, campaign))


class SendEmailResource:
    """``/api/campaigns/{id}/send-email``"""

    errors: ClassVar = {
        **dict.fromkeys(LOOKUP_ERRORS, problem_for),
        LimitReached: allowance.problem_for,
    }

    def __init__(self, site: Site, submissions: Submissions) -> None:
        self._site = site
        self._submissions = submissions

    @endpoint(public=True, body=SendEmail, response=Queued, status=202)
    async def on_post(self, req: Request, resp: Response, *, id: str, body: SendEmail) -> Queued:
        """Write to one's representatives. The message is sent soon after the response.

        With an ``Idempotency-Key`` header, the same request gets the same response for a day.
        """
        campaign = await self._site.db.one(published_by_id(id=id))
        if campaign is not None and body.language is not None:
            if body.language not in languages_of(campaign):
                problem = Text("This campaign is not in this language.")
                raise Invalid([FieldError("language", problem)])
            campaign = await in_language(self._site.db, campaign, body.language)
        accepted = await self._submissions.submit(
            campaign,
            body,
            visitor=req.visitor,
            locale=req.locale,
            user=req.actor.user_id if req.actor else None,
            idempotent=self._idempotent(req, id, body),
        )
        return Queued(
            emails=[
                QueuedEmail(
                    id=email.id,
                    recipient_name=email.recipient_name,
                    recipient_names=email.recipient_names or (email.recipient_name,),
                    status="QUEUED",
                    send_after=email.send_after,
                    status_url=f"{req.root_path}/api/public/emails/{email.id}",
                )
                for email in accepted
            ]
        )

    def _idempotent(self, req: Request, id: str, body: SendEmail) -> IdempotentRequest | None:
        key = req.get_header("Idempotency-Key")
        if key is None:
            return None
        if not 0 < len(key) <= MAX_IDEMPOTENCY_KEY:
            problem = Text("An Idempotency-Key must have 1 to 255 characters.")
            raise Invalid([FieldError("Idempotency-Key", problem, "header")])
        secret = self._site.config.secret_key
        request = msgspec.json.encode(body)
        return IdempotentRequest.of(secret, key, scope=id, request=request)


class PublicEmailResource:
    """``/api/public/emails/{id}``"""

    def __init__(self, site: Site) -> None:
        self._site = site

    @endpoint(public=True, response=PublicEmail)
    async def on_get(self, req: Request, resp: Response, *, id: str) -> PublicEmail:
        """Return the status of a message, to anyone who knows its id."""
        state = await self._site.db.one(state_of_email(id=id))
        if state is None:
            raise NotFound
        return PublicEmail(
            id=state.id, status=state.status, send_after=state.send_after, sent_at=state.sent_at
        )


_STATUSES: Final[Mapping[EmailStatus, Text]] = {
    "QUEUED": Text("waiting"),
    "SENDING": Text("being sent"),
    "SENT": Text("sent"),
    "FAILED": Text("failed"),
    "UNKNOWN": Text("unknown"),
    "CANCELLED": Text("cancelled"),
}
#: The columns of an export.
_COLUMNS: Final[Mapping[Text, str | Callable[[EmailOut], Text]]] = {
    Text("Written on"): "created_at",
    Text("Sender"): "sender_name",
    Text("Email address of the sender"): "sender_email",
    Text("Postal code"): "postal_code",
    Text("Recipient"): "recipient_name",
    Text("Email address of the recipient"): "recipient_email",
    Text("Office of the recipient"): "recipient_office",
    Text("Riding of the recipient"): "recipient_district",
    Text("Subject"): "subject",
    Text("Status"): lambda email: _STATUSES[email.status],
    Text("Sent on"): "sent_at",
    Text("Error"): "error",
    Text("Repeats"): "repeats",
    Text("Id of the message"): "id",
}


class CampaignEmailsResource:
    """``/api/campaigns/{id}/emails``, as JSON, ``.csv`` and ``.xlsx``"""

    def __init__(self, site: Site) -> None:
        self._db = site.db
        self._cursors = Cursors(site.signer("influence.emails"))

    @endpoint(
        permission=permissions.READ_EMAILS, on="id", query=EmailQuery, response=Paginated[EmailOut]
    )
    async def on_get(
        self, req: Request, resp: Response, *, id: str, query: EmailQuery
    ) -> Paginated[EmailOut]:
        """List a campaign's messages, newest first."""
        await self._db.read(find_campaign, id)
        after = self._cursors.after(query)
        wanted = emails_of_campaign(
            campaign_id=id,
            status=query.status,
            before=after[0] if after else None,
            limit=query.limit + 1,
            offset=query.offset,
        )
        rows = await self._db.all(wanted)
        total = await self._db.count(emails_of_campaign(campaign_id=id, status=query.status))
        return paginate(rows, query, total, cursor=lambda last: self._cursors.write(last.id))

    @endpoint(permission=permissions.READ_EMAILS, on="id", query=ExportQuery, produces="text/csv")
    async def on_get_csv(
        self, req: Request, resp: Response, *, id: str, query: ExportQuery
    ) -> Streamed:
        """Return all of a campaign's messages as CSV; with ``excel``, as Excel opens it."""
        name, emails = await self._exported(id), emails_of_campaign(campaign_id=id, limit=None)
        return csv_stream(emails, _COLUMNS, download=f"{name}.csv", for_excel=query.excel)

    @endpoint(permission=permissions.READ_EMAILS, on="id", produces=_XLSX)
    async def on_get_xlsx(self, req: Request, resp: Response, *, id: str) -> Streamed:
        """Return all of a campaign's messages as an Excel file."""
        name, emails = await self._exported(id), emails_of_campaign(campaign_id=id, limit=None)
        return xlsx_stream(emails, _COLUMNS, download=f"{name}.xlsx")

    async def _exported(self, id: str) -> str:
        """Record that the messages of a campaign are exported; return the name of the file."""

        def record(tx: Tx) -> str:
            campaign = find_campaign(id)
            tx.audit("influence.emails.exported", id, label=campaign.title)
            return campaign.slug

        return await self._db.write(record)
