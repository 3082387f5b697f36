"""The first page after signing in: cards, what waits for a person, and the first steps."""

from __future__ import annotations

import re
from datetime import timedelta
from typing import ClassVar

import pytest

from changemaker_admin.api import Attention, Card, Step
from changemaker_admin.dashboard.numbers import DAYS, HEIGHT, Numbers
from changemaker_admin.dashboard.reading import today_of
from changemaker_admin.plugin import AdminPlugin
from changemaker_core import Permission, Plugin, Role, Scope, Text, hookimpl
from changemaker_core.plugin.errors import BootFailed
from changemaker_core.testing import as_role, client_of, source_problems

READ = "garden.bed.read"


async def harvest(site, objects, first, last):
    """A pumpkin on each of the first ten days, and seven today; of one bed, one today."""
    if objects is not None:
        return {last: len(objects)}
    return {first + timedelta(days=n): 1 for n in range(10)} | {last: 7}


async def beds(site, objects):
    return 12 if objects is None else len(objects)


async def dry(site, objects):
    return 3 if objects is None else 0


async def never(site):
    return False


class GardenPlugin(Plugin):
    name = "garden"
    after = ("admin",)
    contributes = (
        Permission(READ, "See beds."),
        Role("GARDENER", "Sees beds.", frozenset({READ})),
        Scope("garden.bed", Text("Bed"), frozenset({READ}), {"4": "Bed 4"}.get),
    )
    cards: ClassVar = [
        Card("garden.harvest", Text("Pumpkins"), READ, daily=harvest, on="*", link="/admin"),
        Card("garden.beds", Text("Beds"), READ, number=beds),
    ]
    attention: ClassVar = [Attention("garden.dry", "Beds are <b>dry", READ, dry, "/admin", on="*")]
    steps: ClassVar = [Step("garden.first", Text("Plant a bed"), READ, never, "/admin/beds/new")]

    @hookimpl
    def admin_register_cards(self):
        return list(self.cards)

    @hookimpl
    def admin_register_attention(self):
        return list(self.attention)

    @hookimpl
    def admin_register_steps(self):
        return list(self.steps)


def card(page, title):
    """The text of the card with this title, without its plot."""
    cards = re.findall(r"<article.*?</article>", page, re.S)
    found = [each.partition("<figure")[0] for each in cards if f">{title}</" in each]
    return found[0] if found else None


@pytest.mark.database("sqlite")
def test_the_templates_and_texts_of_admin_are_sound(make_site):
    assert source_problems(make_site(AdminPlugin)) == []


async def test_visitors_are_asked_to_sign_in(open_app):
    async with open_app(AdminPlugin) as app, client_of(app) as client:
        response = await client.get("/admin", headers={"Accept": "text/html"})
    assert response.status_code == 303
    assert response.headers["location"].startswith("/sign-in?next=")


async def test_cards_are_for_those_who_may_see_them_and_of_what_they_may_see(open_app):
    async with open_app(AdminPlugin, GardenPlugin) as app:
        async with as_role(app, "GARDENER") as client:
            page = (await client.get("/admin")).text
        async with as_role(app, "GARDENER", on=("garden.bed", "4")) as client:
            of_one_bed = (await client.get("/admin")).text
        async with as_role(app, "USER") as client:
            of_nobody = (await client.get("/admin")).text
    assert '<p class="number-card-value">7</p>' in card(page, "Pumpkins")
    assert "7 of them today · -30 % against the 30 days before" in " ".join(page.split())
    assert '<p class="number-card-value">12</p>' in card(page, "Beds")
    assert page.count("<tr><th") == DAYS + 1
    assert "Beds are &lt;b&gt;dry" in page
    assert '<span class="waiting-count">3</span>' in page
    assert '<p class="number-card-value">1</p>' in card(of_one_bed, "Pumpkins")
    assert "against the 30 days before" not in of_one_bed
    assert card(of_one_bed, "Beds") is None
    assert "dry" not in of_one_bed
    assert card(of_nobody, "Pumpkins") is None
    assert "You have no task on this site yet" in of_nobody


@pytest.mark.database("sqlite")
async def test_a_card_that_cannot_be_read_says_so_and_the_others_are_shown(open_app, caplog):
    async def fails(site, objects):
        raise OSError("the shed is locked")

    class Locked(GardenPlugin):
        cards: ClassVar = [*GardenPlugin.cards, Card("garden.tools", "Tools", READ, number=fails)]
        attention: ClassVar = [Attention("garden.shed", "Shed", READ, fails, "/admin")]

    async with open_app(AdminPlugin, Locked) as app, as_role(app, "GARDENER") as client:
        page = (await client.get("/admin")).text
    assert "cannot be read at the moment" in card(page, "Tools")
    assert '<p class="number-card-value">12</p>' in card(page, "Beds")
    assert "The card garden.tools of the dashboard cannot be read" in caplog.text
    assert "garden.shed of the dashboard cannot be counted" in caplog.text


@pytest.mark.database("sqlite")
async def test_what_waits_for_the_operator_of_a_new_site(open_app):
    async with open_app(AdminPlugin) as app, as_role(app, "SUPER_ADMIN") as client:
        page = (await client.get("/admin")).text
        assert "Mail reaches nobody yet" in page
        assert "First steps" in page
        assert "0 of 3 done" in page
        assert "Queues on hold" not in page
        async with as_role(app, "SUPER_ADMIN"):
            assert "1 of 3 done" in (await client.get("/admin")).text


@pytest.mark.database("sqlite")
async def test_the_first_steps_disappear_when_they_are_done(make_site, open_app):
    config = {"organisation": "Friends of the river", "smtp_url": "smtp://127.0.0.1:2525"}
    async with open_app(AdminPlugin, **config) as app, as_role(app, "SUPER_ADMIN") as client:
        assert "First steps" not in (await client.get("/admin")).text


async def test_the_first_steps_can_be_hidden_by_those_who_change_settings(open_app):
    async with open_app(AdminPlugin, GardenPlugin) as app:
        async with as_role(app, "GARDENER") as client:
            page = (await client.get("/admin")).text
            assert 'href="/admin/beds/new"' in page
            assert "Make mail work" in page
            assert 'href="/admin/settings/mail"' not in page
            assert "Hide the first steps" not in page
            assert (await client.post("/admin/checklist")).status_code == 403
        async with as_role(app, "SUPER_ADMIN") as client:
            response = await client.submit("/admin/checklist", page="/admin")
            assert (response.status_code, response.headers["location"]) == (303, "/admin")
            page = (await client.get("/admin")).text
            assert "The first steps are hidden." in page
            assert "Plant a bed" not in page


@pytest.mark.parametrize(
    ("declared", "report"),
    [
        ({"cards": [Card("garden.x", "X", READ)]}, "both daily= and number="),
        ({"cards": [Card("garden.x", "X", READ, number=beds, daily=harvest)]}, "both daily="),
        ({"cards": [Card("x", "X", READ, number=beds)]}, "does not begin with 'garden.'"),
        ({"cards": [Card("garden.x", "X", READ, number=never)]}, "called as await number"),
        ({"cards": [Card("garden.x", "X", "garden.bed.red", number=beds)]}, "garden.bed.red"),
        ({"attention": [Attention("garden.x", "X", "garden.y", dry, "/admin")]}, "garden.y"),
        (
            {"attention": [Attention("garden.x", "X", READ, dry, "/admin", severity="bad")]},
            "severity='bad'",
        ),
        ({"cards": [Card("garden.x", "X", READ, number=beds, on="id")]}, "on='id'"),
    ],
)
@pytest.mark.database("sqlite")
def test_a_wrong_item_is_found_at_boot(make_site, declared, report):
    wrong = type("Wrong", (GardenPlugin,), declared)
    with pytest.raises(BootFailed, match=re.escape(report)):
        make_site(AdminPlugin, wrong)


def test_numbers_of_two_periods():
    today = today_of(_Site())
    counts = [2] * DAYS + [0] * (DAYS - 2) + [1000, 1]
    numbers = Numbers.of(counts, today)
    assert (numbers.total, numbers.before, numbers.today) == (1001, 60, 1)
    assert numbers.change == 1568
    assert (numbers.best.day, numbers.best.count) == (today - timedelta(days=1), 1000)
    assert [bar.height for bar in numbers.bars][-3:] == [0, HEIGHT, 2]
    assert numbers.bars[0].day == today - timedelta(days=DAYS - 1)
    nothing = Numbers.of([0] * 2 * DAYS, today)
    assert (nothing.change, nothing.best, nothing.total) == (None, None, 0)


class _Site:
    """A quarter of an hour before midnight in Montréal, when it is tomorrow in UTC."""

    time_zone = "America/Toronto"

    @staticmethod
    def clock():
        from datetime import UTC, datetime

        return datetime(2026, 3, 2, 4, 45, tzinfo=UTC)


def test_days_are_those_of_the_sites_time_zone():
    assert today_of(_Site()).isoformat() == "2026-03-01"
