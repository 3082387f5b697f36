"""Who may send how much: a network's people, and each person's letters."""

from __future__ import annotations

import bisect
import itertools
import re
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import pytest

from changemaker_core import LimitReached
from changemaker_core.audit import CoreAuditEntry
from changemaker_influence.config import InfluenceConfig
from changemaker_influence.networks import allowance
from changemaker_influence.networks import services as networks
from changemaker_influence.networks.models import RaisedLimit
from changemaker_influence.settings import InfluenceSettings

NEW = {
    "title": "By a program",
    "email_subject": "Clean water",
    "email_body": "Please act.",
    "target_government_levels": ["FEDERAL"],
}

AVERY = "avery.tremblay@parl.example.ca"
JORDAN = "jordan.okafor@ola.example.ca"
WARD = "ward1@mississauga.example.ca"
PROXY = {"trusted_proxies": ("127.0.0.1/32",)}


def from_(address):
    return {"X-Forwarded-For": address}


@pytest.mark.database("sqlite")
async def test_forty_people_on_one_wifi_write_to_all_of_theirs(visit):
    async with visit() as v:
        campaign = await v.campaign()
        for number in range(40):
            sent = await v.send(
                campaign,
                sender_email=f"person{number}@example.org",
                recipient_emails=[AVERY, JORDAN, WARD],
            )
            assert sent.status_code == 202, number


async def test_more_letters_than_a_person_may_ever_send_at_once_are_an_error(visit):
    """Not a limit with a time at which they could be sent."""
    async with visit(send_limit_per_hour=2) as v:
        campaign = await v.campaign()
        refused = await v.send(campaign, recipient_emails=[AVERY, JORDAN, WARD])
        assert refused.status_code == 422
        (error,) = refused.json()["errors"]
        assert "One person can send 2 messages in an hour." in error["message"]
        assert (await v.send(campaign, recipient_emails=[AVERY, JORDAN])).status_code == 202


async def test_a_network_has_a_limit_of_previews(visit, monkeypatch):
    """Each renders its letters, and may ask the directory."""
    monkeypatch.setattr(allowance, "PREVIEWS_EACH", 1)
    async with visit(people_limit_per_hour=2) as v:
        campaign = await v.campaign()
        path, typed = f"/campaigns/{campaign['slug']}", {"sender_name": "Sam", "preview": "1"}
        typed |= {"sender_email": "sam@example.org", "postal_code": "L5G4L3", "recipients": "x"}
        for status in (422, 422, 429):
            page = await v.client.post(path, data=typed)
            assert page.status_code == status, page.text
        assert "previewed from your internet connection" in page.text
        assert int(page.headers["Retry-After"]) > 3500


@pytest.fixture
def undelayed(monkeypatch):
    """What is beyond a limit is refused at once."""
    monkeypatch.setattr(allowance, "LONGEST_DELAY", timedelta(0))


async def test_beyond_its_limit_of_people_the_letters_of_a_network_leave_later(visit):
    async with visit(people_limit_per_hour=2) as v:
        campaign = await v.campaign()
        sent = [await v.send(campaign, sender_email=f"{each}@example.org") for each in "abcda"]
        letters = [each.json()["emails"][0] for each in sent]
        minutes = [
            letter["send_after"] and round(minutes_until(v, letter["send_after"]))
            for letter in letters
        ]
        assert minutes == [None, None, 30, 60, None]
        page = await v.client.get(f"/emails/{letters[2]['id']}", headers={"Accept-Language": "fr"})
        assert re.search(r"Il partira à \d+\D+\d+", page.text), re.findall(
            "<li.*?<.li>", page.text, re.DOTALL
        )[-1]
        await v.run_jobs()
        assert await v.metric("cm_emails_sent_total") == 3
        v.clock.ahead += timedelta(minutes=45)
        await v.run_jobs()
        assert await v.metric("cm_emails_sent_total") == 4
        public = (await v.client.get(letters[3]["status_url"])).json()
        assert (public["status"], public["send_after"]) == ("QUEUED", letters[3]["send_after"])


def minutes_until(v, moment):
    return (datetime.fromisoformat(moment) - v.clock()).total_seconds() / 60


class Network:
    """Visitors behind one address, and how long the letter of each has to wait, in minutes."""

    def __init__(self, v):
        self.limits = allowance.Allowance(InfluenceConfig(), InfluenceSettings)
        self.v, self.start, self.names = v, v.clock(), itertools.count()
        self.left = []

    def write(self, tx):
        """Return the wait of a letter of somebody new; None where it is refused."""
        number = next(self.names)
        try:
            to = [f"mp{number % 40}@example.ca"]
            later = self.limits.take(tx, "203.0.113.7", f"{number}@example.org", to)
        except LimitReached as reached:
            assert reached.retry_after <= timedelta(minutes=1, seconds=1)
            return None
        now = self.v.clock()
        self.left.append(((later or now) - self.start).total_seconds() / 60)
        return 0 if later is None else (later - now).total_seconds() / 60

    def most_in_an_hour(self):
        times = sorted(self.left)
        return max(bisect.bisect(times, time + 60) - number for number, time in enumerate(times))


@pytest.mark.database("sqlite")
@pytest.mark.parametrize("invented", [60, 200])
async def test_who_invents_people_keeps_nobody_out(visit, invented):
    """(!) One in the network invents people at once; others come now and then, and write."""
    async with visit() as v:

        def simulated(tx):
            network = Network(v)
            for _ in range(invented):
                network.write(tx)
            waits = []
            for _ in range(12):
                v.clock.ahead += timedelta(minutes=20)
                waits.append(network.write(tx))
            return waits, network.most_in_an_hour()

        waits, most = await v.site.db.write(simulated)
        assert None not in waits
        behind = invented - allowance.FEWEST_PEOPLE
        assert all(
            wait <= max(0, behind - 20 * number - 20) + number + 2
            for number, wait in enumerate(waits)
        )
        assert waits[-1] == 0
        assert most <= 2 * allowance.FEWEST_PEOPLE + 1


@pytest.mark.database("sqlite")
async def test_who_goes_on_inventing_people_sends_no_more_than_the_limits_allow(visit):
    """And once they stop, others get through within a minute, and soon without delay."""
    async with visit() as v:

        def simulated(tx):
            network = Network(v)
            refused = 0
            for _ in range(6 * 60):
                for _ in range(3):
                    refused += network.write(tx) is None
                v.clock.ahead += timedelta(minutes=1)
            v.clock.ahead += timedelta(minutes=1)
            first = network.write(tx)
            v.clock.ahead += allowance.LONGEST_DELAY + timedelta(hours=1)
            return refused, first, network.write(tx), network.most_in_an_hour()

        refused, first, later, most = await v.site.db.write(simulated)
        assert refused > 100
        assert first is not None
        assert later == 0
        assert most <= 2 * allowance.FEWEST_PEOPLE + 1


@pytest.mark.usefixtures("undelayed")
async def test_a_network_has_a_limit_of_people(visit):
    async with visit(people_limit_per_hour=2) as v:
        campaign = await v.campaign()
        for person in ("a", "b", "a", "A", "b"):
            assert (await v.send(campaign, sender_email=f"{person}@example.org")).status_code == 202
        refused = await v.send(campaign, sender_email="c@example.org")
        assert refused.status_code == 429
        assert 1700 < int(refused.headers["Retry-After"]) <= 1800
        assert "Many people have written" in refused.json()["detail"]
        assert (await v.send(campaign, sender_email="a@example.org")).status_code == 202
        v.clock.ahead += timedelta(hours=1, seconds=1)
        assert (await v.send(campaign, sender_email="c@example.org")).status_code == 202


async def test_the_31st_message_of_a_person_is_refused(visit):
    async with visit() as v:
        campaign = await v.campaign()
        for _ in range(10):
            sent = await v.send(campaign, recipient_emails=[AVERY, JORDAN, WARD])
            assert sent.status_code == 202
        refused = await v.send(campaign, sender_email="Sacha@Example.org")
        assert refused.status_code == 429
        assert 3500 < int(refused.headers["Retry-After"]) <= 3600
        assert "sacha" not in refused.text.lower()
        v.clock.ahead += timedelta(hours=1, seconds=1)
        assert (await v.send(campaign)).status_code == 202


async def test_strangers_use_up_nothing_of_the_person_in_whose_name_they_write(visit):
    async with visit(PROXY, send_limit_per_hour=2) as v:
        campaign = await v.campaign()
        stranger = from_("203.0.113.7")
        sent = [await v.send(campaign, headers=stranger) for _ in range(3)]
        assert [each.status_code for each in sent] == [202, 202, 429]
        mine = [await v.send(campaign, headers=from_("198.51.100.1")) for _ in range(3)]
        assert [each.status_code for each in mine] == [202, 202, 429]
        # The same for those who wrote before and those who did not.
        assert sent[2].headers.keys() == mine[2].headers.keys()


@pytest.mark.usefixtures("undelayed")
async def test_the_page_says_when_to_come_back(visit):
    async with visit({"time_zone": "America/Toronto"}, people_limit_per_hour=1) as v:
        campaign = await v.campaign()
        assert (await v.send(campaign, sender_email="a@example.org")).status_code == 202
        page = await v.look_up(campaign, "l5g 4l3")
        key = re.search(r'name="recipients"[^>]*value="([^"]+)"', page.text)[1]
        typed = {
            "sender_name": "Sacha <S>",
            "sender_email": "sacha@example.org",
            "postal_code": "L5G 4L3",
            "consent": "on",
            "recipients": key,
        }
        path = f"/campaigns/{campaign['slug']}"
        refused = await v.client.post(path, data=typed)
        assert refused.status_code == 429
        assert 3500 < int(refused.headers["Retry-After"]) <= 3600
        # What was typed is still there, and the hour is that of the site's zone.
        assert 'value="Sacha &lt;S&gt;"' in refused.text
        hour = (v.clock() + timedelta(seconds=int(refused.headers["Retry-After"]))).astimezone(
            ZoneInfo("America/Toronto")
        )
        shown = {f"{(hour + timedelta(minutes=m)):%-I:%M}" for m in (-1, 0, 1)}
        assert re.search(r"from (\d+:\d+)", refused.text)[1] in shown
        french = await v.client.post(path, data=typed, headers={"Accept-Language": "fr"})
        assert "à partir de" in french.text


@pytest.mark.usefixtures("undelayed")
async def test_a_limit_is_raised_for_an_event_and_ends_with_it(visit):
    async with visit(PROXY, people_limit_per_hour=1) as v:
        campaign = await v.campaign()
        until = v.clock() + timedelta(hours=2)
        raised = networks.Raised(network="203.0.113.7", people=3, until=until)
        await v.site.db.write(networks.raise_limit, raised)

        async def write(person, address):
            sent = await v.send(
                campaign, sender_email=f"{person}@example.org", headers=from_(address)
            )
            return sent.status_code

        assert [await write(each, "203.0.113.7") for each in "abcd"] == [202, 202, 202, 429]
        assert [await write(each, "203.0.113.8") for each in "ab"] == [202, 429]
        v.clock.ahead += timedelta(hours=2, minutes=1)
        assert [await write(each, "203.0.113.7") for each in "ab"] == [202, 429]


@pytest.fixture
def command(make_site):
    from changemaker_influence.commands import influence
    from changemaker_influence.plugin import InfluencePlugin

    site = make_site(
        InfluencePlugin,
        plugin_tables={"influence": {"directory": "file"}},
        time_zone="America/Toronto",
    )

    def run(*arguments):
        group = influence
        name, *rest = arguments
        # What `pass_site` adds is tested with it.
        callback = group.commands[name].callback.__wrapped__
        context = click_context(group.commands[name], rest)
        return callback(site, **context)

    def click_context(cmd, rest):
        parsed = cmd.make_context(cmd.name, rest)
        parsed.params.pop("site", None)
        parsed.params.pop("folder", None)
        return parsed.params

    run.site = site
    return run


def test_an_operator_raises_lists_and_resets_a_limit(command, capsys):
    from changemaker_core.cli import CommandError

    until = (command.site.clock() + timedelta(hours=5)).strftime("%Y-%m-%dT%H:%M:%SZ")
    command("raise-limit", "2001:db8::1:2:3:4", "--to", "400", "--until", until)
    (row,) = command.site.db.sync.read(lambda: list(RaisedLimit.select()))
    assert (row.network, row.people) == ("2001:db8::/64", 400)
    command("limits")
    shown = capsys.readouterr()
    assert "(America/Toronto)" in shown.err
    assert "2001:db8::/64" in shown.out
    command("reset-limit", "2001:db8::1")
    assert command.site.db.sync.read(lambda: list(RaisedLimit.select())) == []
    entries = command.site.db.sync.read(lambda: [row.__data__ for row in CoreAuditEntry.select()])
    assert len(entries) == 2
    assert "2001:db8" not in repr(entries)  # it can be one person's
    with pytest.raises(CommandError, match="is not raised"):
        command("reset-limit", "2001:db8::1")
    for address, end, problem in (
        ("wifi.example.org", until, "no IP address"),
        ("203.0.113.7", "tonight", "no time"),
        ("203.0.113.7", "2020-01-01 10:00", "in the future"),
        ("203.0.113.7", "2099-01-01 10:00", "within 31 days"),
    ):
        with pytest.raises(CommandError, match=problem):
            command("raise-limit", address, "--to", "9", "--until", end)


@pytest.mark.usefixtures("undelayed")
async def test_people_who_are_invented_do_not_bury_a_mailbox(visit):
    """Neither by the API nor on the page; others can be written to, and an event has more."""
    async with visit(PROXY, mailbox_limit_per_hour=3) as v:
        campaign = await v.campaign()

        async def write(number, address="203.0.113.7", to=AVERY):
            return await v.send(
                campaign,
                sender_email=f"p{number}@example.org",
                recipient_emails=[to],
                headers=from_(address),
            )

        sent = [await write(number) for number in range(4)]
        assert [each.status_code for each in sent] == [202, 202, 202, 429]
        assert "Many messages to this person" in sent[3].json()["detail"]
        assert 1100 < int(sent[3].headers["Retry-After"]) <= 1200
        assert (await write(5, to=JORDAN)).status_code == 202
        assert (await write(5, "198.51.100.1")).status_code == 202
        raised = networks.Raised(
            network="203.0.113.7", people=5, until=v.clock() + timedelta(hours=1)
        )
        await v.site.db.write(networks.raise_limit, raised)
        assert [(await write(number)).status_code for number in range(6, 9)] == [202, 202, 429]


@pytest.mark.usefixtures("undelayed")
@pytest.mark.database("sqlite")
async def test_a_network_full_of_invented_people_keeps_nobody_out_who_is_signed_in(visit):
    async with visit(people_limit_per_hour=2, send_limit_per_hour=3) as v:
        campaign = await v.campaign()
        for number in range(2):
            await v.send(campaign, sender_email=f"p{number}@example.org")
        assert (await v.send(campaign)).status_code == 429
        await v.sign_in()
        sent = [await v.send(campaign, headers=v.headers) for _ in range(4)]
        assert [each.status_code for each in sent] == [202, 202, 202, 429]


@pytest.mark.usefixtures("undelayed")
@pytest.mark.database("sqlite")
async def test_neither_accounts_nor_keys_are_further_senders(visit):
    async with visit(send_limit_per_hour=3, mailbox_limit_per_hour=5) as v:
        campaign = await v.campaign()
        await v.sign_in()
        holders = [v.headers]
        for name in "ab":
            wanted = {"name": name, "permissions": ["influence.campaign.write"]}
            key = await v.client.post("/api/api-keys", json=wanted, headers=v.headers)
            holders.append({"x-api-key": key.json()["key"]})
        sent = [await v.send(campaign, headers=each) for each in (*holders, *holders)]
        assert [each.status_code for each in sent] == [202] * 3 + [429] * 3
        assert "You have sent many messages" in sent[-1].json()["detail"]
        # Whoever is signed in buries no mailbox either.
        strangers = [await v.send(campaign, sender_email=f"{n}@example.org") for n in range(3)]
        assert [each.status_code for each in strangers] == [202, 202, 429]
        assert "Many messages to this person" in strangers[2].json()["detail"]
        me = (await v.client.get("/api/auth/me", headers=v.headers)).json()["id"]
        made = await v.client.post("/api/campaigns", json=NEW, headers=holders[1])
        assert made.json()["created_by"] == me  # and not the key
