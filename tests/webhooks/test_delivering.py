"""Deliveries over real connections: order, failures, and what a receiver's response means."""

from __future__ import annotations

import asyncio
import base64
import logging
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from standardwebhooks import Webhook

from changemaker_core import BadSeal, Site
from changemaker_core.features.accounts.api import create_user
from changemaker_core.features.webhooks import services
from changemaker_core.features.webhooks.checks import check_endpoints, check_health
from changemaker_core.features.webhooks.deliveries import delivering, tidying
from changemaker_core.features.webhooks.deliveries.attempts import Outcome
from changemaker_core.features.webhooks.deliveries.delivering import (
    ATTEMPTS_OF_REFUSED,
    LONGEST_PAUSE,
    LONGEST_RETRY_AFTER,
    pause,
)
from changemaker_core.features.webhooks.deliveries.secrets import reseal, secrets_in_force
from changemaker_core.features.webhooks.deliveries.signatures import new_secret, sign
from changemaker_core.features.webhooks.models import Delivery, Endpoint
from changemaker_core.features.webhooks.queries import deliveries, endpoints, secrets
from changemaker_core.identity.origin import Origin, current_origin
from changemaker_core.jobs import CoreJob, holds
from changemaker_core.testing import sent_mail
from tests.webhooks.conftest import CLOSED, OPENED, Closed, Opened, ParksPlugin, Receiver, status

HOUR = 3600


def endpoint(site, id):
    return site.db.sync.get(endpoints(id=id))


def log_of(site, id):
    """The deliveries, the oldest first."""
    return site.db.sync.all(deliveries(endpoint_id=id))[::-1]


def parks(messages):
    return [message.content["data"]["park_id"] for message in messages]


def cancel_jobs(site, name):
    def cancel(tx):
        (job,) = CoreJob.select().where(CoreJob.name == name, CoreJob.state == "queued")
        assert tx.cancel(str(job.id))

    site.db.sync.write(cancel)


def pass_time(clock, run, seconds, step=150):
    for _ in range(0, seconds, step):
        clock.forward(seconds=step)
        run()


def test_the_signature_of_a_known_message():
    """The values were made with openssl, from the description of the standard."""
    secret = "whsec_" + base64.b64encode(bytes(range(32))).decode()
    body = b'{"type":"parks.park.opened"}'
    expected = "v1,XeZhFjEumSXz7AkNbxv7trN1R18PQw8X6Txeju1yXI0="
    assert sign(secret, "msg_1", 1_700_000_000, body) == expected


@given(st.text(alphabet="abcdef0123456789-_", min_size=1), st.text(), st.integers(0, 2**33))
def test_an_independent_implementation_computes_the_same(message_id, text, seconds):
    secret, at = new_secret(), datetime.fromtimestamp(seconds, UTC)
    theirs = Webhook(secret).sign(message_id, at, text)
    assert sign(secret, message_id, seconds, text.encode()) == theirs


def test_an_event_arrives_signed_and_once(make_site, receiver):
    # With the real time, which the receiver checks.
    site = make_site(ParksPlugin, plugin_tables={"webhooks": {"allow": ["127.0.0.1"]}})
    sealer = services.sealer_of(site)
    new = site.db.sync.write(services.create, sealer, url=receiver.url, events=[OPENED.name])
    site.db.sync.write(lambda tx: OPENED.emit(tx, Opened(park_id="é", visitors=3)))
    site.db.sync.write(lambda tx: CLOSED.emit(tx, Closed(park_id="b")))
    asyncio.run(_run_jobs(site))
    (message,) = receiver.received
    content = message.verify(new.secret)
    assert content["type"] == "parks.park.opened"
    assert content["data"] == {"park_id": "é", "visitors": 3}
    age = datetime.now(UTC) - datetime.fromisoformat(content["timestamp"])
    assert timedelta(0) <= age < timedelta(minutes=2)
    assert message.headers["content-type"] == "application/json"
    assert message.headers["user-agent"].startswith("Changemaker/")
    (delivered,) = log_of(site, new.endpoint.id)
    assert (delivered.state, delivered.status_code, delivered.attempts) == ("delivered", 204, 1)
    assert delivered.message_id == message.id and delivered.body.encode() == message.body


async def _run_jobs(site):
    from changemaker_core.testing import run_jobs

    await run_jobs(site)


class Cause:
    """What an event happens in."""

    def __init__(self, request_id):
        self.origin = Origin("request", id=request_id, request_id=request_id)


def test_a_delivery_has_the_request_of_its_event(site, run, add, emit, receiver, caplog):
    """One job sends what several requests have caused; it has the id of the first."""
    webhook, ids = add(receiver.url).endpoint.id, ["first-request", "second-request", None]
    for id in ids:
        token = current_origin.set(Cause(id))
        emit("a")
        current_origin.reset(token)
    with caplog.at_level(logging.INFO, delivering.__name__):
        run()
    assert [each.request_id for each in log_of(site, webhook)] == ids
    lines = [each for each in caplog.records if each.name == delivering.__name__]
    assert [each.request_id for each in lines] == ids
    assert all(each.getMessage().endswith(f"the webhook {webhook}: delivered") for each in lines)
    assert not any("x-request-id" in message.headers for message in receiver.received)


def test_what_is_rolled_back_is_not_sent(site, run, add, receiver):
    add(receiver.url)

    def fails(tx):
        OPENED.emit(tx, Opened(park_id="a"))
        raise RuntimeError("no park")

    with pytest.raises(RuntimeError, match="no park"):
        site.db.sync.write(fails)
    run()
    assert receiver.received == []


def test_another_payload_is_refused(site):
    with pytest.raises(TypeError, match=r"parks\.park\.opened takes a Opened, not Closed"):
        site.db.sync.write(lambda tx: OPENED.emit(tx, Closed(park_id="a")))


def test_a_receiver_that_fails_for_an_hour_gets_everything_in_order(
    site, run, add, emit, clock, receiver
):
    _fails_for_an_hour(site, run, add, emit, clock, receiver, "500")


@pytest.mark.database("sqlite")  # what a failure looks like is not the database's matter
@pytest.mark.parametrize("how", ["404", "302", "gone away", "garbled"])
def test_however_it_fails_it_gets_everything_in_order(site, run, add, emit, clock, receiver, how):
    _fails_for_an_hour(site, run, add, emit, clock, receiver, how)


def _fails_for_an_hour(site, run, add, emit, clock, receiver, how):
    id = add(receiver.url).endpoint.id
    with Receiver() as closed:
        nowhere = closed.url
    if how == "gone away":
        site.db.sync.write(services.change, id, {"url": nowhere})
    elif how == "garbled":
        receiver.behave = status(200, {"Content-Length": "5, 6"})
    else:
        receiver.behave = status(int(how), {"Location": nowhere})
    names = [f"park {number}" for number in range(12)]
    for name in names:
        emit(name)
        pass_time(clock, run, HOUR // len(names))
    assert set(parks(receiver.received)) <= {"park 0"}  # the others wait behind it
    assert endpoint(site, id).failing_since is not None
    assert [finding.status for finding in check_endpoints(site)] == ["warning"]
    site.db.sync.write(services.change, id, {"url": receiver.url})
    receiver.behave, receiver.received[:] = None, []
    pass_time(clock, run, 2 * LONGEST_PAUSE.seconds)
    assert parks(receiver.received) == names
    assert len(set(receiver.ids)) == len(names)
    assert {each.state for each in log_of(site, id)} == {"delivered"}
    assert endpoint(site, id).failing_since is None


def test_each_attempt_has_the_id_of_the_first(site, run, add, emit, clock, receiver):
    add(receiver.url)
    receiver.behave = status(503)
    emit("a")
    pass_time(clock, run, 600)
    assert len(receiver.received) > 3 and len(set(receiver.ids)) == 1
    assert len({message.headers["webhook-timestamp"] for message in receiver.received}) > 3


def test_an_endpoint_that_fails_holds_up_no_other(site, run, add, emit, receiver):
    receiver.behave = lambda message: (500 if message.path == "/bad" else 204, {}, b"")
    add(receiver.url.replace("/hooks", "/bad"))
    add(receiver.url)
    emit("a", "b", "c")
    run()
    assert parks(m for m in receiver.received if m.path == "/hooks") == ["a", "b", "c"]
    assert len([m for m in receiver.received if m.path == "/bad"]) == 1


def test_a_receiver_can_ask_for_time(site, run, add, emit, clock, receiver):
    add(receiver.url)
    receiver.behave = status(429, {"Retry-After": "1800"})
    emit("a")
    run()
    receiver.behave = None
    pass_time(clock, run, 1740)
    assert len(receiver.received) == 1
    pass_time(clock, run, 500)
    assert parks(receiver.received) == ["a", "a"]


def test_an_event_during_an_attempt_that_fails_does_not_end_the_pause(
    site, run, add, emit, clock, receiver
):
    id = add(receiver.url).endpoint.id

    def busy(_message):
        if len(receiver.received) == 1:
            emit("b")
        return 503, {"Retry-After": "1800"}, b""

    receiver.behave = busy
    emit("a")
    run()
    receiver.behave = None
    pass_time(clock, run, 1740)
    assert parks(receiver.received) == ["a"]
    pass_time(clock, run, 500)
    assert parks(receiver.received) == ["a", "a", "b"]
    assert site.db.sync.read(Endpoint.get_by_id, id).not_before is None


def test_how_an_attempt_ended_says_nothing_of_a_url_that_was_changed_meanwhile(
    site, run, add, emit, receiver
):
    id = add(receiver.url).endpoint.id
    receiver.behave = status(500)
    emit("a")
    run()

    def gone(_message):
        if receiver.received[-1].path == "/hooks":
            site.db.sync.write(services.change, id, {"url": receiver.url + "/new"})
            return 410, {}, b""
        return 204, {}, b""

    receiver.behave = gone
    site.db.sync.write(services.change, id, {"status": "active"})
    run()
    assert [each.path for each in receiver.received] == ["/hooks", "/hooks", "/hooks/new"]
    found = endpoint(site, id)
    assert (found.status, found.failures, found.failing_since) == ("active", 0, None)


@given(st.integers(1, 10_000), st.one_of(st.none(), st.timedeltas(timedelta(0), timedelta(9999))))
def test_pauses_grow_to_a_bound(attempts, asked):
    outcome = Outcome(kind="failed", milliseconds=1, retry_after=asked)
    least = min(asked or timedelta(0), LONGEST_RETRY_AFTER)
    longest = max(LONGEST_PAUSE, least)
    assert max(least, timedelta(seconds=5)) <= pause(attempts, outcome) <= longest * 1.2


def test_410_ends_an_endpoint_at_once(site, run, add, emit, receiver):
    ada = {"email": "ada@example.org", "name": "Ada", "role": "USER"}
    owner, _ = create_user(site, **ada)
    id = add(receiver.url, owner=owner).endpoint.id
    receiver.behave = status(410)
    emit("a", "b")
    run()
    emit("c")
    run()
    assert len(receiver.received) == 1 and len(log_of(site, id)) == 2
    assert endpoint(site, id).status == "gone"
    (mail,) = sent_mail(site)
    assert "ada@example.org" in str(mail.to) and "410" in mail.text and "/hooks" not in mail.text
    (finding,) = check_endpoints(site)
    assert finding.status == "warning" and "410" in finding.detail and id in finding.fix
    with pytest.raises(services.NotActive):
        site.db.sync.write(services.redeliver, id, log_of(site, id)[0].id)
    receiver.behave = None
    site.db.sync.write(services.change, id, {"status": "active"})
    run()
    assert parks(receiver.received[1:]) == ["a", "b"]


def test_one_message_that_is_refused_does_not_hold_up_the_others_for_ever(
    site, run, add, emit, clock, receiver
):
    id = add(receiver.url).endpoint.id
    receiver.behave = lambda message: (422 if b"odd" in message.body else 200, {}, b"no such park")
    emit("odd", "b", "c")
    pass_time(clock, run, HOUR // 2)
    assert set(parks(receiver.received)) == {"odd"}  # it may be put right
    pass_time(clock, run, 2 * HOUR)
    assert parks(receiver.received)[-2:] == ["b", "c"]
    refused, *others = log_of(site, id)
    assert (refused.state, refused.attempts) == ("failed", ATTEMPTS_OF_REFUSED)
    assert refused.response == "no such park" and "422" in refused.error
    assert {each.state for each in others} == {"delivered"}
    receiver.behave = None
    site.db.sync.write(services.redeliver, id, refused.id)
    run()
    assert parks(receiver.received)[-1] == "odd" and receiver.ids[-1] == refused.message_id


async def test_an_endpoint_that_fails_for_days_is_suspended_and_loses_nothing(
    site, add, emit, clock, receiver
):
    ada = {"email": "ada@example.org", "name": "Ada", "role": "USER"}
    owner, _ = await asyncio.to_thread(create_user, site, **ada)
    id = add(receiver.url, owner=owner).endpoint.id
    receiver.behave = status(500)
    emit("a")
    for _ in range(14):
        clock.forward(hours=10)
        await _run_jobs(site)
        if endpoint(site, id).status != "active":
            break
    suspended = endpoint(site, id)
    assert suspended.status == "suspended"
    assert timedelta(days=5) <= clock.now - suspended.failing_since < timedelta(days=5, hours=11)
    assert "500" in suspended.status_reason
    finding = next(iter(check_endpoints(site)))
    assert finding.status == "warning" and "500" in finding.detail and id in finding.fix
    with pytest.raises(RuntimeError, match=id):
        await check_health(site)
    await _run_jobs(site)
    (mail,) = sent_mail(site)
    assert "ada@example.org" in str(mail.to) and "127.0.0.1" in mail.text and "500" in mail.text
    assert "/hooks" not in mail.text  # an address may have a secret in it
    before = len(receiver.received)
    emit("b")
    await _run_jobs(site)
    assert len(receiver.received) == before
    receiver.behave = None
    await site.db.write(services.change, id, {"status": "active"})
    await _run_jobs(site)
    assert parks(receiver.received[before:]) == ["a", "b"]


def test_a_site_that_was_off_for_days_suspends_nothing_at_its_first_failure(
    site, run, add, emit, clock, receiver
):
    id = add(receiver.url).endpoint.id
    receiver.behave = status(500)
    emit("a")
    run()
    clock.forward(days=6)
    run()
    assert len(receiver.received) == 2 and endpoint(site, id).status == "active"


def test_what_is_off_gets_nothing(site, run, add, emit, receiver):
    id = add(receiver.url).endpoint.id
    site.db.sync.write(services.change, id, {"status": "off"})
    emit("a")
    run()
    assert receiver.received == [] and log_of(site, id) == []


def test_both_secrets_sign_while_one_is_replaced(site, run, add, emit, clock, receiver):
    clock.now = datetime.now(UTC)  # the receiver checks the time
    new = add(receiver.url)
    sealer, id = services.sealer_of(site), new.endpoint.id
    second = site.db.sync.write(services.rotate_secret, sealer, id, timedelta(hours=24)).secret
    emit("a")
    run()
    (message,) = receiver.received
    assert message.verify(new.secret) == message.verify(second)
    assert len(message.headers["webhook-signature"].split(" ")) == 2
    third = site.db.sync.write(services.rotate_secret, sealer, id, timedelta(0)).secret
    emit("b")
    run()
    assert len(receiver.received[1].headers["webhook-signature"].split(" ")) == 1
    assert receiver.received[1].verify(third)["data"]["park_id"] == "b"
    clock.forward(hours=25)
    stored = site.db.sync.get(secrets(id=id))
    assert secrets_in_force(site, stored) == [third]


def test_secrets_are_encrypted_and_follow_the_secret_key(site, make_config, add, clock):
    new = add("https://example.org/")
    id, old_key = new.endpoint.id, site.config.secret_key
    site.db.sync.write(services.rotate_secret, services.sealer_of(site), id, timedelta(days=1))
    stored = site.db.sync.get(secrets(id=id))
    assert new.secret not in repr(stored)
    config = {"database_url": site.config.database_url, "secret_key": "another key, " * 5}
    rotated = Site(
        make_config(previous_secret_keys=[old_key], **config), [ParksPlugin], clock=clock
    )
    assert rotated.db.sync.write(reseal, rotated) == 2
    alone = Site(make_config(**config), [ParksPlugin], clock=clock)
    assert new.secret in secrets_in_force(alone, alone.db.sync.get(secrets(id=id)))
    with pytest.raises(BadSeal, match=id):
        site.db.sync.write(reseal, site)
    assert "error" in {finding.status for finding in check_endpoints(site)}
    rotated.close()
    alone.close()


def test_a_test_waits_for_nobody_and_is_sent_once(site, run, add, emit, clock, receiver):
    id = add(receiver.url).endpoint.id
    receiver.behave = status(500, body=b"\x1b[31m" + b"x" * 90_000)
    emit("a")
    run()
    site.db.sync.write(services.send_test, id)
    run()
    assert receiver.received[-1].content["type"] == "webhooks.test"
    pass_time(clock, run, 900)
    tests = [each for each in log_of(site, id) if each.event == "webhooks.test"]
    assert [(each.state, each.attempts) for each in tests] == [("failed", 1)]
    assert "\x1b" not in tests[0].response and len(tests[0].response) < 600


def test_what_waits_is_tried_at_once_after_a_change(site, run, add, emit, receiver):
    """A person who has corrected the address does not wait for the pause to end."""
    id = add(receiver.url).endpoint.id
    receiver.behave = status(500)
    emit("a", "b")
    run()
    receiver.behave = None
    site.db.sync.write(services.change, id, {"url": receiver.url + "/new"})
    run()
    assert parks(receiver.received) == ["a", "a", "b"]


def test_deleting_an_endpoint_deletes_its_deliveries(site, run, add, emit, receiver):
    id = add(receiver.url).endpoint.id
    emit("a")
    assert site.db.sync.write(services.delete, id) and not site.db.sync.write(services.delete, id)
    run()
    assert receiver.received == [] and site.db.sync.read(Delivery.select().count) == 0


def test_deliveries_are_kept_for_a_time_and_bounded(
    site, run, add, emit, clock, receiver, monkeypatch
):
    monkeypatch.setattr(tidying, "MOST_WAITING", 3)
    monkeypatch.setattr(tidying, "CHUNK", 2)
    id = add(receiver.url).endpoint.id
    receiver.behave = status(500)
    emit(*"abcdefgh")
    clock.forward(hours=1)
    run()
    left = [msgspec.json.decode(each.body)["data"]["park_id"] for each in log_of(site, id)]
    assert left == ["f", "g", "h"]
    assert endpoint(site, id).status == "suspended"
    clock.forward(days=31)
    run()
    assert log_of(site, id) == []


def test_a_job_that_is_cancelled_is_followed_by_another(site, run, add, emit, clock, receiver):
    add(receiver.url)
    receiver.behave = status(500)
    emit("a")
    run()
    receiver.behave = None
    cancel_jobs(site, "webhooks.deliver")
    run()
    assert parks(receiver.received) == ["a"]  # the pause goes on
    pass_time(clock, run, 10, 10)
    assert parks(receiver.received) == ["a", "a"]


def test_a_test_whose_job_is_cancelled_waits_no_longer(site, run, add, receiver):
    id = add(receiver.url).endpoint.id
    site.db.sync.write(services.send_test, id)
    cancel_jobs(site, "webhooks.deliver_one")
    run()
    (test,) = log_of(site, id)
    assert (test.state, test.attempts) == ("failed", 0) and "cancelled" in test.error
    assert receiver.received == []


def test_a_webhook_that_is_deleted_meanwhile_fails_no_transaction_that_emits(site, add, emit):
    """On PostgreSQL the one that emits waits for the row; on SQLite for the transaction."""
    kept, deleted = add("https://a.example/"), add("https://b.example/")
    began = threading.Event()

    def delete(tx):
        assert services.delete(tx, deleted.endpoint.id)
        began.set()
        time.sleep(0.3)

    with ThreadPoolExecutor() as threads:
        deleting = threads.submit(site.db.sync.write, delete)
        assert began.wait(10)
        emit("a")
        deleting.result(10)
    assert len(log_of(site, kept.endpoint.id)) == 1


def test_of_two_rotations_at_once_both_secrets_sign(site, add):
    new = add("https://a.example/")
    id, sealer = new.endpoint.id, services.sealer_of(site)

    def rotate(tx):
        rotated = services.rotate_secret(tx, sealer, id, timedelta(hours=1))
        time.sleep(0.2)
        return rotated.secret

    with ThreadPoolExecutor() as threads:
        running = [threads.submit(site.db.sync.write, rotate) for _ in range(2)]
        rotated = {each.result(10) for each in running}
    assert set(secrets_in_force(site, site.db.sync.get(secrets(id=id)))) == rotated


def test_an_address_that_is_not_allowed_any_more_is_not_connected_to(
    make_site, clock, add, emit, site, run, receiver, make_config
):
    id = add(receiver.url).endpoint.id
    emit("a")
    strict = Site(make_config(database_url=site.config.database_url), [ParksPlugin], clock=clock)
    asyncio.run(_run_jobs(strict))
    assert receiver.received == []
    assert "https" in log_of(site, id)[0].error
    site.db.sync.write(services.change, id, {"url": receiver.url.replace("http:", "https:")})
    asyncio.run(_run_jobs(strict))
    assert "127.0.0.1, which is not public" in log_of(site, id)[0].error
    strict.close()


def test_slow_receivers_hold_up_neither_mail_nor_each_other(site, add, emit, receiver):
    """Each of more receivers than there are threads is slow: all are asked at once but for the
    queue's limit, and a job of another queue does not wait for them."""
    from changemaker_core.jobs import RunnerThread

    release, began = threading.Event(), threading.Semaphore(0)

    def slow(_message):
        began.release()
        release.wait(30)
        return 204, {}, b""

    receiver.behave = slow
    for _ in range(5):
        add(receiver.url)
    emit("a")
    with RunnerThread(site):
        try:
            assert began.acquire(timeout=20)
            site.db.sync.write(lambda tx: tx.enqueue("webhooks.tidy", {}))

            def tidied():
                finished = CoreJob.name == "webhooks.tidy", CoreJob.state == "done"
                return site.db.sync.read(CoreJob.select().where(*finished).exists)

            deadline = time.monotonic() + 20
            while not tidied():
                assert time.monotonic() < deadline, "another queue waits for slow receivers"
                time.sleep(0.05)
        finally:
            release.set()
        deadline = time.monotonic() + 20
        while len(receiver.received) < 5 and time.monotonic() < deadline:
            time.sleep(0.05)
    assert len(receiver.received) == 5


def test_queue_is_not_held_by_failures(site, run, add, emit, clock, receiver):
    """A receiver's fault is its own: the queue of the others goes on."""
    add(receiver.url)
    receiver.behave = status(500)
    emit("a")
    pass_time(clock, run, 2 * HOUR, 300)
    assert site.db.sync.all(holds()) == []
