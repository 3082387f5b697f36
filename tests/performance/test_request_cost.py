"""What a request costs beside a plain Falcon app that answers with the same bytes.

Both run in this process, in turns, and the least CPU time of each counts, so a busy machine does
not matter. The ratios are compared with ``request_cost.json`` in this folder; more than a fifth
above fails. After a change that is meant to cost more, or that costs less, write it anew with
``CHANGEMAKER_RECORD_COST=1 pytest tests/performance/test_request_cost.py`` on a quiet machine.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import os
import platform
from dataclasses import dataclass
from pathlib import Path
from time import process_time
from typing import TYPE_CHECKING, Any

import falcon.asgi
import pytest

from changemaker_core import Config
from changemaker_core.app import create_app
from changemaker_core.testing.fixtures_site import migrate
from changemaker_core.testing.left_out import LeftOut
from changemaker_influence.campaigns import services
from changemaker_influence.campaigns.schemas import CampaignChange, NewCampaign
from changemaker_influence.plugin import InfluencePlugin

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core import Tx

RECORDED = Path(__file__).with_name("request_cost.json")
VERSION = ".".join(platform.python_version_tuple()[:2])
#: How much more than recorded is still no regression.
ALLOWED = 1.20
#: The same beside what another version of Python has recorded.
ALLOWED_OF_ANOTHER = 1.60
#: Requests in one turn, turns of one try, and tries before a ratio counts as too high.
REQUESTS, TURNS, TRIES = 100, 12, 4
CAMPAIGNS = 60
ONE = "/api/public/campaigns/keep-wetland-7-wild"
MANY = "/api/public/campaigns"

pytestmark = pytest.mark.performance


@dataclass(slots=True)
class Work:
    """Requests for ``path``, to the product's app and to a plain one."""

    name: str
    path: str
    config: dict[str, Any]


WORKS = (
    Work("one campaign, cache on", ONE, {}),
    Work("one campaign, cache off", ONE, {"cache_bytes": 0}),
    Work("list of 50 with total, cache off", MANY, {"cache_bytes": 0}),
)


class Plain:
    """Falcon, and nothing else."""

    def __init__(self, body: bytes) -> None:
        self._body = body

    async def on_get(self, req: falcon.asgi.Request, resp: falcon.asgi.Response) -> None:
        resp.content_type = "application/json"
        resp.data = self._body


async def _ask(app: Any, path: str) -> bytes:
    """One request as a server hands it over; the answer's body."""
    sent: list[dict[str, Any]] = []
    scope = {
        "type": "http",
        "asgi": {"version": "3.0", "spec_version": "2.4"},
        "http_version": "1.1",
        "method": "GET",
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(b"host", b"127.0.0.1:4000"), (b"accept", b"*/*")],
        "client": ("127.0.0.1", 50000),
        "server": ("127.0.0.1", 4000),
    }

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": b"", "more_body": False}

    async def send(event: dict[str, Any]) -> None:
        sent.append(event)

    await app(scope, receive, send)
    assert sent[0]["status"] == 200
    return b"".join(event.get("body", b"") for event in sent[1:])


async def _turn(app: Any, path: str) -> float:
    began = process_time()
    for _ in range(REQUESTS):
        await _ask(app, path)
    return process_time() - began


class Costs:
    """The least that a turn of each app has cost so far."""

    def __init__(self, app: Any, plain: Any, path: str) -> None:
        self._apps = (app, plain)
        self._path = path
        self._least = [float("inf"), float("inf")]

    async def measure(self) -> float:
        """Measure some more; the ratio of the least costs."""
        for _ in range(TURNS):
            for index, app in enumerate(self._apps):
                cost = await _turn(app, self._path)
                self._least[index] = min(self._least[index], cost)
        return self._least[0] / self._least[1]


async def _ratio(work: Work, folder: Path, wanted: float) -> float:
    """What a request costs in plain ones; measured again while it is more than ``wanted``."""
    app = create_app(Config.for_tests(folder, **work.config), [InfluencePlugin])
    migrate(app.site)
    async with app.lifespan():
        await app.site.db.write(_fill)
        plain = falcon.asgi.App()
        plain.add_route(work.path, Plain(await _ask(app, work.path)))
        costs = Costs(app, plain, work.path)
        for _ in range(TRIES):
            ratio = await costs.measure()
            if ratio <= wanted:
                break
        return ratio


def _fill(tx: Tx) -> None:
    for number in range(CAMPAIGNS):
        new = NewCampaign(
            title=f"Keep wetland {number} wild",
            email_subject="Please protect the wetland",
            email_body="The wetland cleans the water that we drink. " * 45,
            target_government_levels=["MUNICIPAL"],
        )
        made = services.create(tx, new)
        services.change(tx, made.id, CampaignChange(status="ACTIVE"))


@pytest.fixture
def access_log() -> Iterator[None]:
    """The access log is written, as it is in a site that is served."""
    log = logging.getLogger("changemaker.access")
    before = log.level, log.propagate
    with contextlib.ExitStack() as stack:
        nowhere = stack.enter_context(open(os.devnull, "w"))
        handler = logging.StreamHandler(nowhere)
        log.addHandler(handler)
        log.setLevel(logging.INFO)
        log.propagate = False
        yield
        log.removeHandler(handler)
        log.setLevel(before[0])
        log.propagate = before[1]


@pytest.mark.parametrize("work", WORKS, ids=lambda work: work.name)
def test_a_request_costs_no_more_than_recorded(
    work: Work, tmp_path: Path, access_log: None, request: pytest.FixtureRequest
) -> None:
    recorded = json.loads(RECORDED.read_text())
    if VERSION not in recorded:
        reason = f"recorded for {', '.join(recorded)} alone, so {VERSION} may cost more"
        request.config.stash[LeftOut.KEY].suite("exact request cost", reason, tolerated=True)
    if os.environ.get("CHANGEMAKER_RECORD_COST"):
        ratio = asyncio.run(_ratio(work, tmp_path, 0.0))
        recorded.setdefault(VERSION, {})[work.name] = round(ratio, 2)
        RECORDED.write_text(json.dumps(recorded, indent=2, sort_keys=True) + "\n")
        return
    wanted, most = _expected(recorded, work)
    ratio = asyncio.run(_ratio(work, tmp_path, most))
    assert ratio <= most, f"{ratio:.2f} plain requests instead of {wanted}"


def _expected(recorded: dict[str, dict[str, float]], work: Work) -> tuple[float, float]:
    """The recorded ratio, and the highest that passes. Where nothing was recorded with this version
    of Python, another's must do, and decides less sharply."""
    if VERSION in recorded:
        return recorded[VERSION][work.name], recorded[VERSION][work.name] * ALLOWED
    nearest = max(recorded)
    return recorded[nearest][work.name], recorded[nearest][work.name] * ALLOWED_OF_ANOTHER
