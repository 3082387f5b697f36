"""Trying the mail server, also with settings that are not saved yet."""

from __future__ import annotations

import asyncio
import contextlib
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from functools import partial
from typing import TYPE_CHECKING, Any, Final

import msgspec

from changemaker_core import (
    Body,
    Conflict,
    FieldError,
    Invalid,
    MailTemplate,
    NotFound,
    SlidingWindow,
    Text,
    TooManyRequests,
    Unauthorized,
    endpoint,
)
from changemaker_core.features.accounts import api as accounts
from changemaker_core.features.settings import services
from changemaker_core.features.settings.resources import WRITE, group_of, invalid
from changemaker_core.features.settings.views import choices_of
from changemaker_core.mail import Address
from changemaker_core.mail.deliverability import check_deliverability
from changemaker_core.mail.trying import DEADLINE, STEPS, Trial, TrialStep, try_server
from changemaker_core.settings.own import MailSettings

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping

    from changemaker_core import Finding, Request, Response, Site

#: Conversations at once in a process: each takes a thread for as long as a server likes, and other
#: requests must not wait for one.
AT_ONCE: Final = 2
#: Conversations with servers that a person may name, in an hour.
TRIALS: Final = SlidingWindow("settings.mail_trial", 20, timedelta(hours=1))
TEST_MAIL: Final = MailTemplate(
    "settings.mail_test",
    category=Text("Settings"),
    title=Text("Test of the mail server"),
    description=Text("To whoever tries the mail server in the settings."),
    subject=Text("Test of the mail of {{ organisation }}"),
    text=Text("This message shows that {{ organisation }} can send mail."),
)
_STEPS: Final[dict[TrialStep, Text]] = {
    "name": Text("The name of the server was not found."),
    "connect": Text("There is no connection to the server."),
    "tls": Text("The connection could not be encrypted."),
    "sign_in": Text("The server did not accept the user and password."),
    "sender": Text("The server does not take mail from this sender."),
    "message": Text("The server did not take the message."),
}


class TryMail(Body, frozen=True, kw_only=True):
    """Values that are not saved yet, in place of those that are. ``send`` is whether a message is
    sent to the address of who asks; otherwise the conversation ends before it."""

    values: dict[str, Any] = msgspec.field(default_factory=dict)
    send: bool = True


class TrialOut(msgspec.Struct, frozen=True, kw_only=True):
    """What became of a trial: the steps that went well, and the one that did not, with what the
    server said."""

    ok: bool
    passed: list[TrialStep]
    failed: TrialStep | None
    message: str
    detail: str
    sent_to: str | None


class MailTestResource:
    """``/api/settings/{slug}/test``"""

    @endpoint(
        permission=WRITE,
        body=TryMail,
        response=TrialOut,
        rate_limit="20/minute",
        responses={409: "No mail server is set.", 429: "Your last trial is not over yet."},
    )
    async def on_post(self, req: Request, resp: Response, *, slug: str, body: TryMail) -> TrialOut:
        """Try the mail server; the group is ``mail``. Nothing is saved."""
        if group_of(req.site, slug).declared.struct is not MailSettings:
            raise NotFound(Text("There is nothing to try in these settings."))
        try:
            return await try_mail(req, body.values, send=body.send)
        except services.SettingsInvalid as error:
            raise invalid(error) from None


class MailTrials:
    """Trials of mail servers, which take a thread each: a few at once, and one of each person."""

    def __init__(self) -> None:
        self._threads = ThreadPoolExecutor(AT_ONCE, thread_name_prefix="mail trials")
        self._trying: set[str] = set()

    async def __call__(
        self, req: Request, values: Mapping[str, Any], *, send: bool = True
    ) -> TrialOut:
        """Try the mail server with ``values`` that are not saved yet in place of those that are.

        With ``send``, a message goes to the person's own address. Raises ``SettingsInvalid``,
        ``Conflict`` where no server is set, ``Invalid`` for a message to an API key, which has no
        address, and ``TooManyRequests`` or ``LimitReached`` after many trials.
        """
        site, actor = req.site, req.actor
        if actor is None:
            raise Unauthorized
        chosen = candidate(site, values)
        to = await _own_address(req) if send else None
        who = actor.user_id or actor.id
        with self._one_at_a_time(who):
            await site.db.write(TRIALS.take, who)
            trial = await asyncio.get_running_loop().run_in_executor(
                self._threads, try_settings, site, chosen, to, req.locale
            )
        return _shown(trial, to, partial(site.translations.translate, locale=req.locale))

    @contextlib.contextmanager
    def _one_at_a_time(self, who: str) -> Iterator[None]:
        """Raise ``TooManyRequests`` while another trial of this person goes on."""
        if who in self._trying:
            raise TooManyRequests(
                DEADLINE, Text("Your last trial is not over yet."), code="trial_under_way"
            )
        self._trying.add(who)
        try:
            yield
        finally:
            self._trying.discard(who)


#: For the API and for pages.
try_mail: Final = MailTrials()


async def sender_findings(site: Site) -> list[Finding]:
    """Return what the DNS says of the sender's domain, with the records to add (SPF, DKIM, DMARC).

    Empty where no mail server is set, or the domain is not a public one. Takes seconds where a
    name server does not respond.
    """
    return await asyncio.to_thread(lambda: list(check_deliverability(site)))


def candidate(site: Site, values: Mapping[str, Any]) -> MailSettings:
    """Return the mail settings as they would be with ``values``. Raises ``SettingsInvalid``."""
    group, reading = site.settings.group("mail"), site.settings.reading("mail")
    assert group is not None  # noqa: S101  # it is core's own
    stored = {} if reading.stored is None else reading.stored.data
    data = services.draft(site.settings, group, stored, values, choices_of(site))
    return MailSettings(**site.settings.values_of(group, data)[0])


def try_settings(
    site: Site, chosen: MailSettings, to: Address | None, locale: str | None = None
) -> Trial:
    """Try a mail server, and send a message ``to`` somebody. Blocks, for twenty seconds at most.

    Raises ``Conflict`` where no server is set.
    """
    if chosen.server is None:
        raise Conflict(Text("No mail server is set."), code="no_mail_server")
    message = None if to is None else TEST_MAIL.message(site, to=to, values={}, locale=locale)
    public_only = site.mail_choice.public_only
    signer = site.mail_choice.signer
    return try_server(chosen.server, chosen.sender, message, public_only=public_only, signer=signer)


async def _own_address(req: Request) -> Address:
    """Return the address of who is signed in. Raises ``Invalid`` for a key, which has none."""
    actor = req.actor
    account = None
    if actor is not None and actor.kind == "user":
        account = await req.site.db.one(accounts.account_by_id(actor.id))
    if actor is None or account is None:
        text = Text(
            "Sign in with an account of a person to get a message, or try the server without one."
        )
        raise Invalid([FieldError("send", text)])
    return Address(account.name, account.email)


def _shown(trial: Trial, to: Address | None, translate: Callable[[str], str]) -> TrialOut:
    last = len(STEPS) - (to is None) if trial.failed is None else STEPS.index(trial.failed)
    sent_to = to.email if to is not None and trial.failed is None else None
    if trial.failed is not None:
        said = _STEPS[trial.failed]
    elif to is None:
        said = Text("The server takes mail from this sender.")
    else:
        said = Text("The server has taken the message. Look whether it has arrived.")
    return TrialOut(
        ok=trial.failed is None,
        passed=list(STEPS[:last]),
        failed=trial.failed,
        message=translate(said),
        detail=trial.error,
        sent_to=sent_to,
    )
