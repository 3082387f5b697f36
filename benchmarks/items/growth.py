"""The same requests on ever more rows."""

from __future__ import annotations

import json
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import msgspec

from benchmarks import contenders as who
from benchmarks import data, load, machine, places, rounds
from benchmarks.contenders import Contender, login
from benchmarks.items.item import Bench, Item
from benchmarks.load import Gets, Posts
from benchmarks.results import Measurement, Result, Target
from benchmarks.servers import running
from changemaker_core import Config, Model, Site, Tx, new_id
from changemaker_core.testing.server import OperatedSite
from changemaker_influence.campaigns.models import Campaign, EmailTally
from changemaker_influence.emails.models import CampaignEmail

if TYPE_CHECKING:
    from collections.abc import Iterable
    from datetime import datetime

TITLE = "From 1,000 to 1,000,000 campaigns and messages, SQLite, cache off"
SIZES, SIZES_QUICK = (1_000, 10_000, 100_000, 1_000_000), (1_000, 20_000)
ONE = "GET one campaign"
_CHUNK = 10_000
#: A million short campaigns fit on the disk; the cost of long rows is measured by other items.
_BODY_BYTES = 200
#: The distance between requested campaigns, so that they lie on different pages.
_ASKED = 1_000


def growth(bench: Bench) -> Result:
    """Each endpoint at each size, by CPU time and requests a second of one process."""
    result = bench.result("growth", TITLE)
    found: dict[str, Measurement] = {}
    sizes = SIZES_QUICK if bench.effort.quick else SIZES
    grown = Grown.make()
    for size in sizes:
        bench.say(f"growing to {size:,} rows")
        grown.grow(size)
        quiet = machine.wait_until_quiet(bench.effort.patience)
        for name, rates in _rates(grown, bench).items():
            series = found.setdefault(name, Measurement(name=name, series={})).series
            series[f"{size:,} rows"] = rates
            found[name].noisy_rounds += not quiet
    result.measurements = list(found.values())
    result.main = f"{sizes[-1]:,} rows"
    first, last = (found[ONE].median(f"{size:,} rows") for size in (sizes[0], sizes[-1]))
    cost = Target(text=f"{ONE}: cost at most of the smallest", value=first / last, bound=1.15)
    cost.at_least = False
    result.targets = [cost]
    result.notes.append("Figures are requests a second of one web process.")
    return result


def _rates(grown: Grown, bench: Bench) -> dict[str, list[float]]:
    """Requests a second for each endpoint, in every round. There are many endpoints, and
    no contenders to alternate with: rounds are shorter."""
    seconds = max(1, bench.effort.seconds // 2)
    contender = who.OURS_UNCACHED
    with _served(grown.site, contender, grown.slugs[0]) as server:
        works = _works(grown, login(server.address, grown.site))
        rates: dict[str, list[float]] = {name: [] for name in works}
        for _ in range(min(3, bench.effort.rounds)):
            for name, work in works.items():
                try:
                    load.full_speed(server.address, work, rounds.LEAD_IN)
                    seen = load.full_speed(server.address, work, seconds)
                except load.LoadFailed as problem:
                    bench.missing[f"{name}, {grown.size:,} rows"] = str(problem)
                else:
                    rates[name].append(seen.per_second)
    return {name: found for name, found in rates.items() if found}


def _served(site: OperatedSite, contender: Contender, slug: str) -> Any:
    command = [word.replace("{site}", str(site.folder)) for word in contender.command]
    probe = contender.get.replace("{slug}", slug)
    return running("growth", command, contender.environment, probe=probe, cwd=contender.folder)


def _works(grown: Grown, token: str) -> dict[str, Gets | Posts]:
    bearer = ("Authorization", f"Bearer {token}")
    return {
        ONE: Gets([f"/api/public/campaigns/{slug}" for slug in grown.slugs]),
        "GET the public list, 50 with total": Gets(["/api/public/campaigns?limit=50"]),
        "GET the organisers' list, 50 with total": Gets(["/api/campaigns?limit=50"], bearer),
        "GET a campaign's messages, 50 with total": Gets(
            [f"/api/campaigns/{id}/emails?limit=50" for id in grown.campaigns], bearer
        ),
        "GET one message's status": Gets([f"/api/public/emails/{id}" for id in grown.letters]),
        "POST a campaign": Posts(data.template(), token),
    }


@dataclass(slots=True)
class Grown:
    """A growing site, and some of its campaigns and messages to request."""

    site: OperatedSite
    slugs: list[str]
    campaigns: list[str]
    letters: list[str]
    size: int = 0

    @classmethod
    def make(cls) -> Grown:
        """An empty site."""
        folder = places.made("sites") / "growth"
        shutil.rmtree(folder, ignore_errors=True)
        site = OperatedSite(folder)
        site.make("--organisation", "Benchmarks")
        return cls(site, [], [], [])

    def grow(self, size: int) -> None:
        """Add campaigns and as many messages until there are ``size`` of each."""
        site = Site(Config.load(Path(self.site.folder), environ={}))
        try:
            for first in range(self.size, size, _CHUNK):
                numbers = range(first, min(first + _CHUNK, size))
                site.db.sync.write(self._insert, numbers)
            self.size = size
            step = max(1, size // _ASKED)
            self.slugs, self.campaigns = site.db.sync.read(_some_campaigns, step)
            self.letters = site.db.sync.read(_some_letters, step)
        finally:
            site.close()

    @staticmethod
    def _insert(tx: Tx, numbers: range) -> None:
        named = [(new_id(), number) for number in numbers]
        campaign = Template(Campaign, _campaign(tx.now), ("id", "slug"))
        campaign.insert(tx, ((id, f"keep-wetland-number-{number}-wild") for id, number in named))
        Template(EmailTally, {"sent": 1}, ("campaign",)).insert(tx, ((id,) for id, _ in named))
        letter = Template(CampaignEmail, _letter(tx.now), ("id", "campaign", "action_id"))
        letter.insert(tx, ((new_id(), id, new_id()) for id, _ in named))


class Template:
    """Rows that differ only in a few ids and texts, so that a million are inserted quickly."""

    def __init__(self, model: type[Model], same: dict[str, Any], own: tuple[str, ...]) -> None:
        fields = model._meta.fields
        defaults = {name: f.default for name, f in fields.items() if f.default is not None}
        kept = {k: v for k, v in {**defaults, **same}.items() if k not in own}
        self._same = [
            json.dumps(value) if isinstance(value, list) else fields[name].db_value(value)
            for name, value in kept.items()
        ]
        columns = [fields[name].column_name for name in (*own, *kept)]
        marks = ",".join("?" * len(columns))
        table = model._meta.table_name
        self._sql = f"INSERT INTO {table} ({','.join(columns)}) VALUES ({marks})"  # noqa: S608

    def insert(self, tx: Tx, rows: Iterable[tuple[str, ...]]) -> None:
        """Insert a row for each tuple of the values that differ."""
        same = self._same
        tx.database.connection().executemany(self._sql, ([*row, *same] for row in rows))


def _some_campaigns(step: int) -> tuple[list[str], list[str]]:
    """Addresses and ids of every ``step``th public campaign."""
    public = Campaign.select(Campaign.slug, Campaign.id).where(Campaign.status == "ACTIVE")
    named = public.order_by(Campaign.id)
    some = [row for number, row in enumerate(named.tuples().iterator()) if number % step == 0]
    return [slug for slug, _ in some], [str(id) for _, id in some]


def _some_letters(step: int) -> list[str]:
    ids = CampaignEmail.select(CampaignEmail.id).order_by(CampaignEmail.id).tuples().iterator()
    return [str(id) for number, (id,) in enumerate(ids) if number % step == 0]


def _campaign(now: datetime) -> dict[str, Any]:
    return {
        **msgspec.structs.asdict(data.new_campaign(0, _BODY_BYTES)),
        "status": "ACTIVE",
        "published_at": now,
        "created_at": now,
        "updated_at": now,
    }


def _letter(now: datetime) -> dict[str, Any]:
    return {
        "sender_name": "Sam Sample",
        "sender_email": "sam@example.org",
        "postal_code": "K1A 0A1",
        "recipient_name": "Robin Sample",
        "recipient_email": "mayor@town.example.ca",
        "subject": "Please protect the wetland",
        "body": "Please vote to protect it.",
        "status": "SENT",
        "consent_text": "I agree.",
        "consent_version": "benchmark",
        "consent_language": "en",
        "consented_at": now,
        "created_at": now,
        "sent_at": now,
        "updated_at": now,
    }


ITEMS = (Item("growth", TITLE, growth),)
