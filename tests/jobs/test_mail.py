"""``run.mail``: what becomes of a message, and what a server's refusal is about."""

from __future__ import annotations

import time
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import pytest

from changemaker_core.jobs import Executor, Job, holds
from changemaker_core.jobs.declarations import RetryPolicy
from changemaker_core.mail import Address, AlreadySent, Message
from changemaker_core.mail.replies import refusal, without_addresses
from changemaker_core.testing.smtp import Behaviour

if TYPE_CHECKING:
    from changemaker_core.jobs import JobRun
    from changemaker_core.mail.errors import Stage
    from changemaker_core.testing.smtp import SmtpServer

Fixture = Any


def reply(stage: Stage, text: str) -> Behaviour:
    name: Any = stage
    return Behaviour(name, reply=text)


@pytest.mark.parametrize(
    ("behaviour", "written", "state"),
    [
        (None, ["sending", "sent"], "done"),
        (
            reply("rcpt", "550 5.1.1 <mp@example.org> unknown"),
            ["failed 550 5.1.1 <…> unknown"],
            "dead",
        ),
        (reply("rcpt", "552 5.2.2 full"), ["retried 552 5.2.2 full"], "queued"),
        (reply("rcpt", "450 later"), ["retried 450 later"], "queued"),
        (Behaviour("message", drop=True), ["sending", "unknown"], "unknown"),
        (Behaviour("message", reply="554 spam"), ["sending", "failed 554 spam"], "dead"),
    ],
)
def test_each_outcome_is_written_with_its_step(
    mailing: Fixture,
    put: Fixture,
    rows: Fixture,
    notes: Fixture,
    smtp_server: SmtpServer,
    behaviour: Behaviour | None,
    written: list[str],
    state: str,
) -> None:
    site = mailing()
    if behaviour is not None:
        smtp_server.then(behaviour)
    put(site, "test.mail")
    Executor(site).run_due()
    assert (notes(site), rows(site)[0].state) == (written, state)
    assert site.db.sync.all(holds()) == []


def test_a_message_that_another_job_sent_is_not_handed_over_again(
    mailing: Fixture, put: Fixture, rows: Fixture, make_site: Fixture, smtp_server: SmtpServer
) -> None:
    transport = mailing().mail
    took: list[float] = []

    def send(run: JobRun, to: str) -> None:
        began = time.monotonic()
        run.mail(
            Message(to=Address("", to), subject="Park", text="Please keep it.\n"),
            sending=lambda tx: AlreadySent(timedelta(seconds=0.2)) if to[0] == "a" else None,
            sent=lambda tx: took.append(time.monotonic() - began),
        )

    site: Any = make_site(Job("test.twice", send, queue="mail"))
    site.mail = transport
    for to in ("a@example.org", "b@example.org", "a@example.org"):
        put(site, "test.twice", to=to)
        Executor(site).run_due()
    assert {row.state for row in rows(site)} == {"done"}
    assert [each.recipients for each in smtp_server.received] == [("b@example.org",)]
    assert smtp_server.connections == 1  # it was at the server all the same
    assert min(took[0], took[2]) >= 0.2


def test_a_message_that_another_job_sent_is_refused_as_any_other(
    make_site: Fixture, mailing: Fixture, put: Fixture, rows: Fixture, smtp_server: SmtpServer
) -> None:
    def send(run: JobRun) -> None:
        message = Message(to=Address("", "mp@example.org"), subject="Park", text="Please.\n")
        run.mail(message, sending=lambda tx: AlreadySent(timedelta(0)))

    other = mailing()
    site: Any = make_site(Job("test.twice", send, queue="mail", retries=RetryPolicy(attempts=2)))
    site.mail, site.config = other.mail, other.config
    smtp_server.then(reply("rcpt", "450 later"))
    put(site, "test.twice")
    Executor(site).run_due()
    assert rows(site)[0].state == "queued"


@pytest.mark.parametrize(
    "behaviour",
    [
        reply("mail", "530 5.7.0 Authentication required <site@example.org>"),
        reply("mail", "553 5.7.1 sender not owned"),
        reply("rcpt", "530 5.7.0 Must issue STARTTLS"),
        reply("mail", "530 5.7.0 \x1b[2J\x00 Authentication required " + "x" * 5_000),
        reply("data", "530 5.7.0 Authentication required"),
        reply("message", "554 5.2.252 SendAsDenied; site@example.org not allowed to send"),
        reply("message", "550 5.4.5 Daily user sending quota exceeded"),
    ],
)
def test_a_server_that_refuses_the_site_holds_the_queue_and_ends_no_message(
    mailing: Fixture,
    put: Fixture,
    rows: Fixture,
    notes: Fixture,
    clock: Fixture,
    smtp_server: SmtpServer,
    behaviour: Behaviour,
) -> None:
    site = mailing()
    for _ in range(5):
        put(site, "test.mail")
    smtp_server.always(behaviour)
    Executor(site).run_due()
    (hold,) = site.db.sync.all(holds())
    assert (hold.queue, hold.reason) == ("mail", "refused")
    assert hold.note.startswith("53") or hold.note.startswith("55")
    assert "example.org" not in hold.note
    assert hold.note.isprintable()
    assert len(hold.note) < 1_100
    assert {(row.state, row.attempts) for row in rows(site)} == {("queued", 0)}
    clock.forward(days=3)
    smtp_server.always()
    site.db.sync.write(site.jobs.guard.release, "mail")
    Executor(site).run_due()
    assert {row.state for row in rows(site)} == {"done"}
    assert len(smtp_server.received) == 5


@pytest.mark.parametrize(
    ("code", "text", "stage", "expected"),
    [
        (535, "5.7.8 bad credentials", "connect", "site"),
        (554, "no SMTP service here", "connect", "site"),
        (421, "too busy", "connect", "later"),
        (454, "4.7.0 TLS not available", "connect", "site"),
        (454, "4.7.0 no authentication now", "connect", "site"),
        (550, "5.7.1 sender rejected", "mail", "site"),
        (552, "too big", "mail", "never"),
        (552, "5.3.4 too big", "mail", "never"),
        (552, "5.2.3 message size exceeds the sending limit", "data", "never"),
        (552, "5.3.4 exceeds the sender quota", "mail", "never"),
        (553, "5.6.7 SMTPUTF8 needed", "mail", "never"),
        (550, "5.1.1 no such user", "rcpt", "never"),
        (550, "no such user", "rcpt", "never"),
        (550, "5.7.1 listed", "rcpt", "later"),
        (554, "5.7.1 relay access denied", "rcpt", "later"),
        (552, "5.2.2 mailbox full", "rcpt", "later"),
        (452, "4.2.2 mailbox full", "rcpt", "later"),
        (535, "5.7.8 bad credentials", "rcpt", "site"),
        (554, "5.7.1 spam", "data", "never"),
        (530, "authenticate", "data", "site"),
        (554, "5.2.252 SendAsDenied; not allowed to send as", "data", "site"),
        (554, "5.2.0 STOREDRV.Submission.Exception:SendAsDeniedException", "data", "site"),
        (550, "5.4.5 Daily user sending quota exceeded", "data", "site"),
        (550, "5.4.5 Daily sending quota exceeded", "rcpt", "site"),
        (550, "5.1.8 Access denied, bad outbound sender", "data", "site"),
        (550, "5.1.90 daily limit of recipients", "rcpt", "site"),
        (550, "5.7.60 no permission to send as this sender", "data", "site"),
        (550, "5.7.708 traffic not accepted from this address", "rcpt", "site"),
        (550, "5.7.606 banned sending address", "rcpt", "site"),
        (554, "Message rejected: Email address is not verified.", "data", "site"),
        (550, "The from address does not match a verified Sender Identity", "data", "site"),
        (554, "5.7.26 this mail is unauthenticated", "data", "site"),
        (550, "5.7.504 recipient address rejected", "rcpt", "later"),
        (550, "5.2.122 recipient's receiving limit exceeded", "rcpt", "never"),
        (552, "5.2.2 over quota", "data", "never"),
        (550, "5.7.5000 odd", "data", "never"),
    ],
)
def test_what_a_refusal_is_about(code: int, text: str, stage: Stage, expected: str) -> None:
    refused = refusal(code, text, stage)
    found = "site" if refused.of_site else "later" if refused.temporary else "never"
    assert found == expected


@pytest.mark.parametrize(
    ("text", "stage", "expected"),
    [
        ("5.7.1 message content rejected as spam", "data", True),
        ("5.7.1 Our system has detected that this is likely unsolicited mail", "data", True),
        ("5.3.4 too big", "data", True),
        ("5.6.0 malformed", "data", True),
        ("infected with Eicar-Test-Signature", "data", True),
        ("5.7.1 an unusual rate of unsolicited mail from your IP address", "data", False),
        ("5.7.1 spam host, blacklisted", "data", False),
        ("5.7.1 refused", "data", False),
        ("5.7.1 spam", "rcpt", False),
    ],
)
def test_what_is_refused_for_its_content(text: str, stage: Stage, expected: bool) -> None:
    """It is the one failure that anybody can cause at will, so it counts for nothing."""
    assert refusal(554, text, stage).of_content is expected


@pytest.mark.parametrize(
    ("code", "text", "stage", "expected"),
    [
        (451, "4.7.1 Greylisting in action, please come back later", "data", True),
        (451, "4.7.1 Try again later", "data", True),
        (450, "4.6.0 malformed for now", "data", True),
        (452, "4.2.3 too long for now", "data", True),
        (451, "looks like spam, try again later", "data", True),
        (451, "4.7.1 too many messages from your IP address", "data", False),
        (421, "4.7.0 rate limited", "data", False),
        (451, "4.7.24 SPF: try again later", "data", False),
        (451, "4.7.1 Try again later", "rcpt", False),
        (451, "4.3.0 local error", "data", False),
        (452, "4.3.1 insufficient system storage", "data", False),
        (451, "later", "data", False),
    ],
)
def test_what_waits_for_its_content(code: int, text: str, stage: Stage, expected: bool) -> None:
    refused = refusal(code, text, stage)
    assert (refused.temporary, refused.of_site, refused.of_content) == (True, False, expected)


def test_errors_are_stored_without_addresses() -> None:
    assert without_addresses("550 <a@example.org> (b.c@d.ca): unknown") == "550 <…> (…): unknown"
