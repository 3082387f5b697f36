"""docs/guides/webhooks.md: its receiver receives, and its table has the events that there are."""

from __future__ import annotations

import re
import sys
import threading
from http.server import ThreadingHTTPServer
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path

import httpx
import pytest

from changemaker_core.features.webhooks import services
from changemaker_core.features.webhooks.views import listed_events
from changemaker_core.testing import WebhookInbox
from changemaker_influence.plugin import InfluencePlugin

GUIDE = (Path(__file__).parents[2] / "docs" / "guides" / "webhooks.md").read_text()
RECEIVER, PLUGIN = re.findall(r"^```python\n(.*?)^```$", GUIDE, re.MULTILINE | re.DOTALL)


@pytest.fixture
def module_of(tmp_path, monkeypatch):
    """``module_of(source)``: a part of the page as a module."""

    def import_(source):
        (tmp_path / "webhooks_guide.py").write_text(source)
        spec = spec_from_file_location("webhooks_guide", tmp_path / "webhooks_guide.py")
        module = module_from_spec(spec)
        monkeypatch.setitem(sys.modules, module.__name__, module)
        spec.loader.exec_module(module)
        return module

    return import_


def test_the_table_has_the_events_of_core_and_influence(make_site):
    rows = re.findall(r"^\| `([a-z_.]+)` \| (.+?) \| (.+?) \|$", GUIDE, re.MULTILINE)
    found = [
        (each.name, each.label, ", ".join(f"`{name}`" for name in _fields(each)))
        for each in listed_events(make_site(InfluencePlugin), str)
    ]
    assert sorted(rows) == found


def _fields(event):
    (struct,) = event.payload["$defs"].values()
    return struct["properties"]


def test_the_receiver_receives(module_of, make_site, run_due, monkeypatch):
    guide, handled = module_of(RECEIVER), []
    guide.handle = handled.append
    server = ThreadingHTTPServer(("127.0.0.1", 0), guide.Receiver)
    guide.Receiver.log_message = lambda *_: None
    threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    url = f"http://127.0.0.1:{server.server_address[1]}/"
    site = make_site(plugin_tables={"webhooks": {"allow": ["127.0.0.1"]}})
    sealer, events = services.sealer_of(site), ["webhooks.test"]
    new = site.db.sync.write(services.create, sealer, url=url, events=events)
    monkeypatch.setenv("WEBHOOK_SECRET", new.secret)
    id = site.db.sync.write(services.send_test, new.endpoint.id)
    run_due(site)
    site.db.sync.write(services.redeliver, new.endpoint.id, id)
    run_due(site)
    assert [each["type"] for each in handled] == ["webhooks.test"]  # once
    assert httpx.post(url, content=b"{}", headers={"webhook-id": "x"}).status_code == 401
    server.shutdown()
    server.server_close()


def test_the_plugin_emits(module_of, make_site):
    guide = module_of(PLUGIN)
    site = make_site(guide.PetitionsPlugin)
    inbox = WebhookInbox(site, guide.SIGNED)
    site.db.sync.write(guide.sign, "p1")
    data = {"petition_id": "p1", "signatures": 1_204}
    assert inbox.take() == [("petitions.petition.signed", data)] and inbox.take() == []
