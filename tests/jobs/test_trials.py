"""A queue that is held because of a server: its jobs wait, one is tried now and then, and the
first success releases it."""

from __future__ import annotations

import contextlib
import logging
from concurrent.futures import ThreadPoolExecutor, wait
from datetime import timedelta
from typing import TYPE_CHECKING, Any

import psycopg2
import pytest

from changemaker_core.config import Config
from changemaker_core.db import DatabaseUnavailable
from changemaker_core.jobs import Executor, Job, hold_queue, holds, statements
from changemaker_core.jobs.declarations import RetryPolicy
from changemaker_core.jobs.held_queues.counter_file import CounterFile
from changemaker_core.jobs.held_queues.guard import read_heartbeat
from changemaker_core.jobs.held_queues.trials import (
    FIRST,
    LONGEST,
    Failures,
    hold_until_success,
    try_now,
)
from changemaker_core.jobs.models import CoreFailure
from changemaker_core.mail import Address, AlreadySent, Message, SmtpTransport
from changemaker_core.settings.own import MailSettings
from changemaker_core.testing.smtp import Behaviour

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_core.jobs import JobRun
    from changemaker_core.testing import Clock
    from changemaker_core.testing.smtp import SmtpServer
    from tests.bench.jobs_only_site import JobsOnlySite

Fixture = Any
PASSWORD = Behaviour("mail", reply="530 5.7.0 Authentication required")
DAY = timedelta(days=1)


@pytest.fixture(autouse=True)
def oldest_first(monkeypatch: pytest.MonkeyPatch) -> None:
    """Trials are of the oldest job: by itself it is as likely the newest."""
    monkeypatch.setattr(statements, "_tries_newest", lambda: False)


def reasons(site: JobsOnlySite) -> list[str]:
    return [hold.reason for hold in site.db.sync.all(holds())]


def states(rows: Fixture, site: JobsOnlySite) -> set[tuple[str, int]]:
    return {(row.state, row.attempts) for row in rows(site)}


def test_the_letters_leave_by_themselves_once_the_server_takes_them(
    mailing: Fixture,
    put: Fixture,
    rows: Fixture,
    clock: Clock,
    smtp_server: SmtpServer,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """No letter has used up an attempt, however long it took; one was tried at growing pauses."""
    site = mailing(hold_after=DAY)
    for number in range(5):
        put(site, "test.mail", to=f"mp{number}@example.org")
    smtp_server.always(PASSWORD)
    executor = Executor(site)
    executor.run_due()
    pauses = []
    for _ in range(6):
        (hold,) = site.db.sync.all(holds())
        assert (hold.reason, hold.note) == ("refused", PASSWORD.reply)
        assert hold.retry_at is not None
        assert states(rows, site) == {("queued", 0)}
        pauses.append(hold.retry_at - clock())
        clock.forward(seconds=pauses[-1].total_seconds() - 1)
        assert executor.run_due() == 0
        clock.forward(seconds=1)
        assert executor.run_due() == 1
    assert pauses == [*(FIRST * factor for factor in (1, 2, 4, 8, 16)), LONGEST]
    clock.forward(hours=20)
    assert executor.run_due() == 1
    smtp_server.always()
    clock.forward(minutes=15)
    with caplog.at_level(logging.WARNING):
        executor.run_due()
    assert {row.state for row in rows(site)} == {"done"}
    assert len(smtp_server.received) == 5
    assert reasons(site) == []
    assert "queue mail is released" in caplog.text


def test_a_server_that_is_away_ends_no_letter(
    mailing: Fixture, put: Fixture, rows: Fixture, clock: Clock, smtp_server: SmtpServer
) -> None:
    site = mailing()
    works: SmtpTransport = site.mail
    nowhere = type(works.server)(host="does-not-exist.invalid", port=25)
    site.mail = SmtpTransport(nowhere, Address("", "site@example.org"))
    put(site, "test.mail")
    for _ in range(5):
        Executor(site).run_due()
        assert reasons(site) == ["unreachable"]
        assert states(rows, site) == {("queued", 0)}
        clock.forward(days=3)
    site.mail = works
    Executor(site).run_due()
    assert reasons(site) == []
    assert len(smtp_server.received) == 1


@pytest.mark.parametrize("error", [ConnectionError(), DatabaseUnavailable("gone")])
@pytest.mark.parametrize("after", [None, DAY])
def test_a_trial_after_a_long_outage_does_not_end_a_job(
    make_site: Fixture,
    put: Fixture,
    rows: Fixture,
    clock: Clock,
    error: Exception,
    after: timedelta | None,
) -> None:
    def work(run: JobRun) -> None:
        if after is not None:
            run.retry("busy", after=after)
        else:
            raise error

    site = make_site(Job("test.work", work, retries=RetryPolicy(deadline=DAY)))
    put(site, "test.work")
    site.db.sync.write(hold_until_success, "default", "unreachable", "no route")
    clock.forward(days=3)
    assert Executor(site).run_due() == 1
    (row,) = rows(site)
    assert row.state == "queued"
    assert clock() < row.due_at <= clock() + DAY


@pytest.mark.parametrize(("minutes", "is_new"), [(59, False), (60, True)])
def test_only_a_long_hold_starts_the_deadline_anew(
    mailing: Fixture, put: Fixture, rows: Fixture, clock: Clock, minutes: int, is_new: bool
) -> None:
    site = mailing()
    wanted = clock()
    put(site, "test.mail", to="mp@example.org")
    put(site, "test.mail", to="other@example.org", due_at=wanted + timedelta(minutes=30))
    clock.forward(days=2)
    site.db.sync.write(hold_until_success, "mail", "unreachable", "no route")
    clock.forward(minutes=minutes)
    Executor(site, batch=1).run_due()
    assert reasons(site) == []
    assert (rows(site)[1].wanted_at > wanted + DAY) is is_new


def test_one_process_of_several_tries_a_job(
    mailing: Fixture, put: Fixture, clock: Clock, smtp_server: SmtpServer
) -> None:
    sites = [mailing(), mailing()]
    for number in range(4):
        put(sites[0], "test.mail", to=f"mp{number}@example.org")
    smtp_server.always(PASSWORD)
    Executor(sites[0]).run_due()
    clock.forward(seconds=FIRST.total_seconds())
    assert sorted(Executor(site).run_due() for site in sites) == [0, 1]


@pytest.mark.parametrize("reason", ["operator", "restore"])
def test_nothing_is_tried_where_somebody_must_look(
    mailing: Fixture,
    put: Fixture,
    clock: Clock,
    smtp_server: SmtpServer,
    reason: str,
) -> None:
    """A backup that is restored may contain the hold, and letters that were sent since."""
    site = mailing(hold_after=DAY)
    put(site, "test.mail")
    smtp_server.always(PASSWORD)
    executor = Executor(site)
    executor.run_due()
    smtp_server.always()
    if reason == "operator":
        assert site.db.sync.write(hold_queue, "mail", "operator", "moving")
    else:
        number = site.db.sync.read(read_heartbeat, "mail").number
        CounterFile(site.run_folder / "queues" / "mail").raise_to(number + 1)
    for _ in range(3):
        clock.forward(hours=1)
        assert executor.run_due() == 0
    assert reasons(site) == [reason]
    assert smtp_server.received == []


@pytest.mark.parametrize(
    ("behaviour", "attempts", "state"),
    [
        (Behaviour("message", reply="554 5.7.1 refused"), 2, "dead"),
        (Behaviour("rcpt", reply="550 go away"), 2, "dead"),
        (Behaviour("rcpt", reply="554 5.7.1 relay access denied"), 2, "queued"),
        (Behaviour("mail", reply="451 4.3.0 later"), 2, "queued"),
        (Behaviour("rcpt", reply="450 later"), 1, "dead"),
        (Behaviour("message", drop=True), 2, "unknown"),
    ],
    ids=["messages", "recipients", "relay", "later", "last attempt", "no reply"],
)
def test_many_failures_in_a_row_hold_the_queue(
    mailing: Fixture,
    put: Fixture,
    rows: Fixture,
    clock: Clock,
    smtp_server: SmtpServer,
    behaviour: Behaviour,
    attempts: int,
    state: str,
) -> None:
    site = mailing(failures_before_hold=3, retries=RetryPolicy(attempts=attempts))
    for number in range(8):
        put(site, "test.mail", to=f"mp{number}@example.org")
        clock.forward(seconds=1)
    smtp_server.always(behaviour)
    executor = Executor(site, concurrency={"mail": 1}, batch=1)
    executor.run_due()
    assert reasons(site) == ["failures"]
    assert [row.state for row in rows(site)] == [state] * 3 + ["queued"] * 5
    assert [row.attempts for row in rows(site)] == [1] * 3 + [0] * 5
    clock.forward(seconds=FIRST.total_seconds() - 1)
    assert executor.run_due() == 0
    smtp_server.always()
    clock.forward(minutes=2)
    executor.run_due()
    assert reasons(site) == []
    assert {row.state for row in rows(site)[3:]} == {"done"}


def test_one_dead_mailbox_holds_nothing_and_a_success_begins_anew(
    mailing: Fixture, put: Fixture, smtp_server: SmtpServer
) -> None:
    """However many people write to it."""
    sites = [mailing(failures_before_hold=3), mailing(failures_before_hold=3)]
    gone = [f"gone{number}@example.org" for number in range(4)]
    for each in gone:
        smtp_server.for_recipient(each, Behaviour("rcpt", reply="550 no such user"))
    well = "mp@example.org"
    for number, to in enumerate([*gone[:1] * 6, gone[1], well, gone[2], gone[3], well, *gone[:2]]):
        site = sites[number % 2]
        put(site, "test.mail", to=to)
        Executor(site).run_due()
        assert reasons(site) == []
    put(sites[0], "test.mail", to=gone[2])
    Executor(sites[0]).run_due()
    assert reasons(sites[0]) == ["failures"]


def test_addresses_are_not_kept_but_as_keyed_hashes(
    mailing: Fixture, put: Fixture, smtp_server: SmtpServer
) -> None:
    site, to = mailing(), "mp@example.org"
    smtp_server.always(NO_SUCH_USER)
    put(site, "test.mail", to=to)
    Executor(site).run_due()
    failures = {each.item for each in site.db.sync.read(lambda: list(CoreFailure.select()))}
    digest = site.db.hash_who("core.failure", to)
    assert failures == {f"recipient:{digest}", f"sender:{digest}"}


def test_a_limit_of_0_holds_nothing(
    mailing: Fixture, put: Fixture, smtp_server: SmtpServer
) -> None:
    site = mailing(failures_before_hold=0)
    smtp_server.always(Behaviour("rcpt", reply="550 no such user"))
    for number in range(12):
        put(site, "test.mail", to=f"mp{number}@example.org")
    Executor(site).run_due()
    assert reasons(site) == []


NO_SUCH_USER = Behaviour("rcpt", reply="550 no such user")


@pytest.mark.parametrize("refused", [NO_SUCH_USER, Behaviour("message", reply="554 refused")])
def test_letters_that_are_refused_for_their_own_sake_hold_others_for_minutes(
    mailing: Fixture,
    put: Fixture,
    rows: Fixture,
    clock: Clock,
    smtp_server: SmtpServer,
    refused: Behaviour,
) -> None:
    """Each is tried once a quarter of an hour, and none is ended by that."""
    site = mailing(failures_before_hold=3)
    for number in range(12):
        put(site, "test.mail", to=f"gone{number}@example.org")
        smtp_server.for_recipient(f"gone{number}@example.org", refused)
        clock.forward(seconds=1)
    put(site, "test.mail", to="mp@example.org")
    executor = Executor(site, concurrency={"mail": 1}, batch=1)
    executor.run_due()
    trials = 0
    while not smtp_server.received:
        assert reasons(site) == ["failures"]
        clock.forward(seconds=FIRST.total_seconds())
        assert executor.run_due() == 1
        trials += 1
    assert trials == 10  # nine others, one by one, before the letter that is taken
    assert reasons(site) == []
    ended = [("dead", 1)] * 3 + [("queued", 0)] * 9 + [("done", 1)]
    assert [(row.state, row.attempts) for row in rows(site)] == ended


SPAM = Behaviour("message", reply="554 5.7.1 message content rejected as spam")


DEFERRED = Behaviour("message", reply="451 4.7.1 Try again later")


@pytest.mark.parametrize(
    ("refused", "senders", "recipients", "state"),
    [(SPAM, 12, 12, "dead"), (DEFERRED, 12, 12, "queued"), (NO_SUCH_USER, 2, 12, "dead")],
)
def test_nobody_holds_the_mail_of_all_with_letters_that_no_server_takes(
    mailing: Fixture,
    put: Fixture,
    rows: Fixture,
    smtp_server: SmtpServer,
    refused: Behaviour,
    senders: int,
    recipients: int,
    state: str,
) -> None:
    """What is refused for its content says nothing of others, and neither do a person's letters."""
    site = mailing(failures_before_hold=3)
    smtp_server.always(refused)
    for number in range(recipients):
        put(site, "test.mail", to=f"mp{number}@example.org", sender=f"s{number % senders}@a.org")
    executor = Executor(site, concurrency={"mail": 1}, batch=1)
    executor.run_due()
    assert reasons(site) == []
    assert {row.state for row in rows(site)} == {state}
    smtp_server.always()
    put(site, "test.mail")
    executor.run_due()
    assert rows(site)[-1].state == "done"


@pytest.mark.parametrize(("automatic", "held"), [(True, ["failures"]), (False, [])])
def test_the_sites_address_for_replies_writes_nothing(
    mailing: Fixture, put: Fixture, smtp_server: SmtpServer, automatic: bool, held: list[str]
) -> None:
    """(!) All mail of the site names it; with it as their one writer no failures would count. Nor
    does automatic mail count as an organiser's whom replies go to; a person's letters do."""
    site = mailing(failures_before_hold=3)
    site.mail_settings = MailSettings(reply_to="office@example.org")
    smtp_server.always(NO_SUCH_USER)
    executor = Executor(site, concurrency={"mail": 1}, batch=1)
    for sender in ("organiser@example.org", None):
        for number in range(12):
            to = f"mp{number}@example.org"
            put(site, "test.mail", to=to, sender=sender, automatic=automatic)
        executor.run_due()
        assert reasons(site) == (held if sender else ["failures"])


@pytest.mark.parametrize("newest_first", [False, True])
def test_one_of_many_letters_that_fail_does_not_have_to_be_tried_before_the_others(
    mailing: Fixture,
    put: Fixture,
    rows: Fixture,
    clock: Clock,
    smtp_server: SmtpServer,
    monkeypatch: pytest.MonkeyPatch,
    newest_first: bool,
) -> None:
    """Whoever enqueues hundreds is before the others, or after them, and trials are of both."""
    site = mailing(failures_before_hold=3)
    ends = iter([not newest_first, newest_first] * 9)
    monkeypatch.setattr(statements, "_tries_newest", lambda: next(ends))
    numbers = [*range(40), "mp"] if newest_first else [*range(3), "mp", *range(3, 40)]
    for number in numbers:
        to = f"{number}@example.org"
        put(site, "test.mail", to=to)
        if to != "mp@example.org":
            smtp_server.for_recipient(to, NO_SUCH_USER)
        clock.forward(seconds=1)
    executor = Executor(site, concurrency={"mail": 1}, batch=1)
    executor.run_due()
    for _ in range(3):
        clock.forward(seconds=FIRST.total_seconds())
        executor.run_due()
    assert len(smtp_server.received) == 1


@pytest.mark.parametrize("newest_first", [False, True])
def test_letters_that_are_refused_again_and_again_do_not_have_their_turn_before_the_others(
    mailing: Fixture,
    put: Fixture,
    clock: Clock,
    smtp_server: SmtpServer,
    monkeypatch: pytest.MonkeyPatch,
    newest_first: bool,
) -> None:
    """(!) They came first, and after each attempt they are the newest that are due."""
    site = mailing(failures_before_hold=3)
    monkeypatch.setattr(statements, "_tries_newest", lambda: newest_first)
    later = Behaviour("message", reply="451 4.3.0 local error")
    for number in range(12):
        to = f"odd{number}@example.org"
        smtp_server.for_recipient(to, later)
        put(site, "test.mail", to=to)
        clock.forward(seconds=1)
    executor = Executor(site, concurrency={"mail": 1}, batch=1)
    executor.run_due()
    assert reasons(site) == ["failures"]
    for _ in range(9):  # each is tried once
        clock.forward(seconds=FIRST.total_seconds())
        executor.run_due()
    clock.forward(hours=2)  # all are due again
    put(site, "test.mail", to="mp@example.org")
    executor.run_due()
    assert len(smtp_server.received) == 1


def test_once_the_server_works_again_what_it_left_waiting_waits_no_longer(
    mailing: Fixture, put: Fixture, rows: Fixture, clock: Clock, smtp_server: SmtpServer
) -> None:
    """(!) It hung while it had several letters; those that were tried are not made to wait for
    what is over, and one that is to start later starts then."""
    site = mailing()
    smtp_server.always(Behaviour("rcpt", delay=3))
    executor = Executor(site, concurrency={"mail": 1}, batch=1)
    for number in range(4):
        put(site, "test.mail", to=f"mp{number}@example.org")
    put(site, "test.mail", to="later@example.org", due_at=clock() + timedelta(hours=3))
    clock.forward(hours=1)  # they have waited long, and are put aside for long
    executor.run_due()
    for _ in range(2):
        (hold,) = site.db.sync.all(holds())
        assert hold.retry_at is not None
        clock.forward(seconds=(hold.retry_at - clock()).total_seconds())
        assert executor.run_due() == 1
    assert reasons(site) == ["unreachable"]
    smtp_server.always()
    clock.forward(minutes=4)
    executor.run_due()
    assert [row.state for row in rows(site)] == ["done"] * 4 + ["queued"]
    assert reasons(site) == []


def test_another_server_is_tried_at_once_with_what_the_one_before_left(
    mailing: Fixture, put: Fixture, rows: Fixture, clock: Clock, smtp_server: SmtpServer
) -> None:
    site = mailing()
    smtp_server.always(Behaviour("rcpt", delay=3))
    put(site, "test.mail")
    clock.forward(hours=1)
    executor = Executor(site)
    executor.run_due()
    smtp_server.always()
    assert executor.run_due() == 0
    site.db.sync.write(try_now)
    assert executor.run_due() == 1
    assert ([row.state for row in rows(site)], reasons(site)) == (["done"], [])


def test_a_letter_that_met_a_brief_trouble_waits_briefly(
    mailing: Fixture, put: Fixture, rows: Fixture, clock: Clock, smtp_server: SmtpServer
) -> None:
    site = mailing()
    smtp_server.always(Behaviour("rcpt", delay=3))
    put(site, "test.mail")
    executor = Executor(site)
    executor.run_due()
    assert reasons(site) == ["unreachable"]
    smtp_server.always()
    clock.forward(minutes=1)
    executor.run_due()
    assert [row.state for row in rows(site)] == ["done"]


def test_a_hold_for_another_reason_than_before_is_logged(
    mailing: Fixture, caplog: pytest.LogCaptureFixture
) -> None:
    site = mailing()
    for reason in ("unreachable", "unreachable", "refused"):
        site.db.sync.write(hold_until_success, "mail", reason, reason)
    held = [each.getMessage() for each in caplog.records if "held" in each.getMessage()]
    assert held == [
        "queue mail is held (unreachable): unreachable",
        "queue mail is now held for another reason (refused): refused",
    ]


def test_a_server_that_hangs_on_the_way_to_the_message_holds_the_queue(
    mailing: Fixture, put: Fixture, rows: Fixture, clock: Clock, smtp_server: SmtpServer
) -> None:
    """It is away as one that cannot be reached is; where it hangs for one recipient only, another
    letter is tried before that."""
    site = mailing()
    smtp_server.for_recipient("odd@example.org", Behaviour("rcpt", delay=3))
    put(site, "test.mail", to="odd@example.org")
    executor = Executor(site, concurrency={"mail": 1}, batch=1)
    executor.run_due()
    assert reasons(site) == ["unreachable"]
    put(site, "test.mail", to="mp@example.org")
    clock.forward(seconds=FIRST.total_seconds())
    executor.run_due()
    assert reasons(site) == []
    assert [(row.state, row.attempts) for row in rows(site)] == [("queued", 0), ("done", 1)]


def test_a_reply_to_a_recipient_releases_a_queue_whose_server_refused_the_site(
    mailing: Fixture, put: Fixture, rows: Fixture, clock: Clock, smtp_server: SmtpServer
) -> None:
    site = mailing()
    put(site, "test.mail", to="gone@example.org")
    smtp_server.always(PASSWORD)
    executor = Executor(site)
    executor.run_due()
    smtp_server.always()
    smtp_server.for_recipient("gone@example.org", NO_SUCH_USER)
    clock.forward(seconds=FIRST.total_seconds())
    executor.run_due()
    assert reasons(site) == []
    put(site, "test.mail", to="mp@example.org")
    executor.run_due()
    assert [(row.state, row.attempts) for row in rows(site)] == [("queued", 0), ("done", 1)]
    clock.forward(seconds=LONGEST.total_seconds())
    executor.run_due()
    assert rows(site)[0].state == "dead"


@pytest.mark.parametrize("reason", ["failures", "refused"])
def test_a_trial_that_sent_nothing_is_no_success(
    mailing: Fixture,
    make_site: Fixture,
    put: Fixture,
    clock: Clock,
    smtp_server: SmtpServer,
    reason: str,
) -> None:
    """A job that found nothing to send, one that was cancelled, then one whose message had been
    sent before."""

    def send(run: JobRun, to: str = "") -> None:
        if to == "cancelled":
            run.cancelled()
        elif to:
            message = Message(to=Address("", to), subject="Park", text="Please.\n")
            again = AlreadySent(timedelta(0)) if to[0] == "a" else None
            run.mail(message, sending=lambda tx: again)

    mail, site = mailing().mail, make_site(Job("test.mail", send, queue="mail"))
    site.mail, site.config = mail, Config.for_tests(site.run_folder, mail_failures_before_hold=2)
    smtp_server.for_recipient("gone1@example.org", NO_SUCH_USER)
    smtp_server.for_recipient("gone2@example.org", NO_SUCH_USER)
    executor = Executor(site)
    if reason == "failures":
        put(site, "test.mail", to="gone1@example.org")
        put(site, "test.mail", to="gone2@example.org")
        executor.run_due()
    else:
        site.db.sync.write(hold_until_success, "mail", "refused", "530")
    put(site, "test.mail")
    put(site, "test.mail", to="cancelled")
    put(site, "test.mail", to="again@example.org")
    put(site, "test.mail", to="mp@example.org")
    clock.forward(seconds=FIRST.total_seconds())
    if reason == "refused":  # the server took the sender and the recipient
        assert executor.run_due() == 4
    else:
        assert executor.run_due() == 3
        assert reasons(site) == ["failures"]
        clock.forward(seconds=FIRST.total_seconds())
        assert executor.run_due() == 1
    assert reasons(site) == []
    assert len(smtp_server.received) == 1


def test_a_message_that_was_sent_before_does_not_end_the_failures(
    make_site: Fixture, mailing: Fixture, put: Fixture, smtp_server: SmtpServer
) -> None:
    def send(run: JobRun, to: str) -> None:
        message = Message(to=Address("", to), subject="Park", text="Please.\n")
        run.mail(message, sending=lambda tx: AlreadySent(timedelta(0)))

    mail, site = mailing().mail, make_site(Job("test.mail", send, queue="mail"))
    site.mail, site.config = mail, Config.for_tests(site.run_folder, mail_failures_before_hold=2)
    smtp_server.for_recipient("gone1@example.org", NO_SUCH_USER)
    smtp_server.for_recipient("gone2@example.org", NO_SUCH_USER)
    for to in ("gone1@example.org", "mp@example.org", "gone2@example.org"):
        put(site, "test.mail", to=to)
        Executor(site).run_due()
    assert reasons(site) == ["failures"]


def test_failures_are_not_over_because_the_server_was_away_meanwhile(
    mailing: Fixture, put: Fixture, rows: Fixture, clock: Clock, smtp_server: SmtpServer
) -> None:
    site = mailing(failures_before_hold=1)
    for number in range(3):
        put(site, "test.mail", to=f"mp{number}@example.org")
    executor = Executor(site, batch=1)
    for behaviour in (NO_SUCH_USER, PASSWORD, NO_SUCH_USER):
        smtp_server.always(behaviour)
        executor.run_due()
        assert reasons(site) == ["failures"]
        clock.forward(minutes=1)
    assert [row.state for row in rows(site)] == ["dead", "queued", "queued"]


def test_a_server_that_does_not_come_to_the_recipient_is_tried_less_and_less(
    mailing: Fixture, put: Fixture, rows: Fixture, clock: Clock, smtp_server: SmtpServer
) -> None:
    site = mailing()
    for number in range(3):
        put(site, "test.mail", to=f"mp{number}@example.org")
    smtp_server.always(PASSWORD)
    executor = Executor(site)
    executor.run_due()
    smtp_server.always(Behaviour("mail", reply="451 4.3.0 later"))
    for factor in (2, 4, 8):
        (hold,) = site.db.sync.all(holds())
        assert hold.retry_at is not None
        clock.forward(seconds=(hold.retry_at - clock()).total_seconds())
        assert executor.run_due() == 1
        (hold,) = site.db.sync.all(holds())
        assert (hold.reason, hold.retry_at) == ("refused", clock() + FIRST * factor)
    assert states(rows, site) == {("queued", 0)}


def test_a_process_of_the_version_before_holds_queues_until_the_reload(mailing: Fixture) -> None:
    insert = (
        "INSERT INTO core_hold (queue, since, reason, note) VALUES ('mail', '2026-11-29', '', '')"
    )
    site = mailing()
    site.db.sync.write(lambda tx: tx.database.execute_sql(insert))
    assert site.db.sync.all(holds())[0].retry_at is None


@pytest.mark.database("postgresql")
def test_a_release_does_not_wait_for_jobs_that_others_have_locked(
    mailing: Fixture, put: Fixture, rows: Fixture, clock: Clock, database_url: str
) -> None:
    """One who has locked a job, or promotes one in its lane, may wait for the release."""
    site = mailing()
    for number in range(3):
        put(site, "test.mail", lane="test.lane" if number else None)
    site.db.sync.write(hold_queue, "mail", "operator")
    before = clock()
    clock.forward(hours=2)
    lock = "SELECT id FROM core_job WHERE lane_position IS NULL OR lane_position = 2 FOR UPDATE"
    with contextlib.closing(psycopg2.connect(database_url)) as other, ThreadPoolExecutor(1) as one:
        other.cursor().execute(lock)
        released = one.submit(site.db.sync.write, site.jobs.guard.release, "mail")
        wait([released], 10)
        other.rollback()
        assert released.result()
    assert [row.wanted_at for row in rows(site)] == [before, clock(), before]


def test_a_letter_that_alone_is_refused_for_its_sender_holds_up_no_others_and_ends(
    mailing: Fixture, put: Fixture, rows: Fixture, clock: Clock, smtp_server: SmtpServer
) -> None:
    """It is tried behind the others, a few minutes later each time, until its deadline."""
    site = mailing(retries=RetryPolicy(deadline=timedelta(minutes=30)))
    denied = Behaviour("message", reply="554 5.7.60 may not send as this sender")
    smtp_server.for_recipient("odd@example.org", denied)
    put(site, "test.mail", to="odd@example.org")
    executor = Executor(site, batch=1, concurrency={"mail": 1})
    executor.run_due()
    assert reasons(site) == ["refused"]
    for number in range(3):
        put(site, "test.mail", to=f"mp{number}@example.org")
    clock.forward(seconds=FIRST.total_seconds())
    executor.run_due()
    assert reasons(site) == []
    assert len(smtp_server.received) == 3
    for number in range(3):
        clock.forward(minutes=15)
        put(site, "test.mail", to=f"later{number}@example.org")
        executor.run_due()
        clock.forward(minutes=1)
        executor.run_due()
        assert reasons(site) == []
    assert [row.state for row in rows(site)] == ["dead"] + ["done"] * 6


def test_a_failure_that_is_committed_beside_a_success_is_seen(make_site: Fixture) -> None:
    """The failure's row comes after the success has deleted all, and before it has committed."""
    site = make_site()
    failures = Failures()

    def fail(tx: Fixture) -> None:
        failures.add(tx, "mail", {"recipient": "mp@example.org"}, most=10, note="")

    callbacks: list[Callable[[], None]] = []

    class Slow:
        """A transaction whose callbacks are called later than its commit."""

        def __init__(self, tx: Fixture) -> None:
            self.db, self.now = tx.db, tx.now
            self.after_commit = callbacks.append

    site.db.sync.write(lambda tx: failures.end(Slow(tx), "mail"))
    site.db.sync.write(fail)
    for callback in callbacks:
        callback()
    site.db.sync.write(lambda tx: failures.end(tx, "mail"))
    assert site.db.sync.read(lambda: CoreFailure.select().count()) == 0
