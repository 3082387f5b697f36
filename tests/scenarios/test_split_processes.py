"""``serve --only influence`` beside ``serve --except influence``, behind the generated nginx."""

from __future__ import annotations

import contextlib
import json
import re
from urllib.parse import urlsplit

import httpx
import pytest

from changemaker_core.testing import nginx
from changemaker_core.testing.ports import free_port
from changemaker_core.testing.server import OperatedSite
from tests.bench.processes import wait_until

pytestmark = pytest.mark.nginx

METRICS_TOKEN = "0123456789abcdef"
PLUGIN = "influence"


@pytest.fixture(scope="module")
def made(tmp_path_factory, made_sites):
    """A site that is only looked at."""
    folder = tmp_path_factory.mktemp("split")
    site = OperatedSite(folder / "site", {"CHANGEMAKER_INFLUENCE__DIRECTORY": "file"})
    made_sites.make(site)
    return site


@pytest.fixture(scope="module")
def split(made):
    """The addresses of both processes, by what they mount."""
    with both(made) as addresses:
        yield addresses


@pytest.fixture(scope="module")
def front(made, split, tmp_path_factory):
    """The address of nginx in front of them."""
    with in_front(made, split, tmp_path_factory.mktemp("front")) as address:
        yield address


@contextlib.contextmanager
def both(site):
    site.environment |= {
        "CHANGEMAKER_TRUSTED_PROXIES": "127.0.0.1/32",
        "CHANGEMAKER_METRICS_ACCESS": "127.0.0.1",
        "CHANGEMAKER_METRICS_TOKEN": METRICS_TOKEN,
    }
    with site.serve("--only", PLUGIN) as only, site.serve("--except", PLUGIN) as rest:
        yield {"only": only, "except": rest}


@contextlib.contextmanager
def in_front(site, split, folder):
    """nginx, with what ``changemaker deploy nginx`` wrote and nothing else."""
    port = free_port()
    main, other = (urlsplit(split[each]).netloc for each in ("except", "only"))
    addresses = ["--upstream", main, "--split", f"{PLUGIN}={other}"]
    listen = ["--listen", f"127.0.0.1:{port}", "--cache", str(folder / "static")]
    site.run("deploy", "nginx", *addresses, *listen, "--into", str(folder))
    with nginx.running(folder / "changemaker.conf", port, folder / "nginx") as address:
        yield address


def route_table(site):
    """Each route of the site once, with its methods."""
    table = {}
    for row in json.loads(site.run("routes", "--json").stdout):
        table.setdefault((row["path"], row["plugin"]), set()).add(row["method"])
    return table


def concrete(path):
    """A path of the route: parameters become something that is nowhere in the database."""
    path = path.replace("{path:path}", "core/base.css")
    return re.sub(r"\{[^}]+\}", "0197f000-0000-7000-8000-000000000000", path)


def test_every_route_answers_from_the_right_process(made, split, front):
    answered, unmounted = {}, []
    table = route_table(made)
    with httpx.Client(base_url=front, timeout=90) as client:
        for path, plugin in table:
            answer = client.options(concrete(path))
            answered[path] = (plugin, answer.headers[nginx.UPSTREAM_HEADER])
            allowed = set(answer.headers.get("allow", "").split(", "))
            if not table[path, plugin] <= allowed:  # only who has the route knows its methods
                unmounted.append((path, answer.status_code, allowed))
    assert unmounted == []
    at = {name: urlsplit(address).netloc for name, address in split.items()}
    expected = {
        path: (plugin, at["only"] if plugin == PLUGIN else at["except"]) for path, plugin in table
    }
    assert answered == expected
    assert {address for _, address in answered.values()} == set(at.values())


def test_each_process_mounts_its_own_routes_and_cores(split):
    def status(which, path):
        return httpx.get(split[which] + path).status_code

    assert [status(each, "/api/public/campaigns") for each in ("only", "except")] == [200, 404]
    for path in ("/api/health", "/static/core/base.css", "/static/influence/influence.css"):
        assert [status(each, path) for each in ("only", "except")] == [200, 200]


def test_links_lead_through_nginx(front, organiser_at, made):
    organiser_at(front, made).campaign(title="Parks for everyone")
    with httpx.Client(base_url=front) as visitor:
        home = visitor.get("/")
        assert (home.status_code, home.headers["location"]) == (302, "/campaigns")
        page = visitor.get(home.headers["location"])
        assert "Parks for everyone" in page.text
        links = set(re.findall(r'(?:href|src|action)="(/[^"#]*)"', page.text))
        assert any(link.startswith("/campaigns/") for link in links)
        assert any(link.startswith("/static/") for link in links)
        for link in links:
            assert visitor.get(link).status_code in (200, 302, 303), link
        slashed = visitor.get("/campaigns/parks-for-everyone/", follow_redirects=True)
        assert slashed.status_code == 200


def test_the_api_description_is_of_the_whole_site(split):
    documents = [httpx.get(f"{each}/api/openapi.json").json()["paths"] for each in split.values()]
    assert documents[0] == documents[1]
    assert "/api/public/campaigns" in documents[0]


def test_a_visitor_is_known_by_their_own_address(front, made):
    """Behind nginx, a limit for one address is not everybody's."""
    wrong = {"email": made.admin_email, "password": "wrong wrong wrong"}
    # Not from the address of nginx itself, which the site trusts.
    visitor = httpx.HTTPTransport(local_address="127.0.0.2")
    with httpx.Client(base_url=front, transport=visitor, timeout=60) as client:
        answers = [
            client.post(
                "/api/auth/login", json=wrong, headers={"X-Forwarded-For": f"198.51.100.{n}"}
            )
            for n in range(12)
        ]
    # nginx adds who really asked, which is the same each time, whatever the visitor wrote.
    assert answers[-1].status_code == 429


def test_metrics_are_for_who_has_the_token(front, split):
    """(!) To the site, whoever comes through nginx comes from this machine."""
    assert httpx.get(f"{split['only']}/api/metrics").status_code == 403
    visitor = httpx.HTTPTransport(local_address="127.0.0.2")
    with httpx.Client(base_url=front, transport=visitor, timeout=60) as client:
        pretending = {"X-Forwarded-For": "127.0.0.1"}
        assert client.get("/api/metrics", headers=pretending).status_code == 403
        assert client.get("/api/health", headers=pretending).json() == {"status": "ok"}
        holding = {"Authorization": f"Bearer {METRICS_TOKEN}"}
        assert "cm_jobs" in client.get("/api/metrics", headers=holding).text
    assert "cm_jobs" in httpx.get(f"{split['only']}/api/metrics", headers=holding).text


def test_what_is_enqueued_anywhere_is_done(operated, organiser_at, smtp_server, tmp_path):
    operated.environment["CHANGEMAKER_SMTP_URL"] = smtp_server.url
    with both(operated) as split, in_front(operated, split, tmp_path / "front") as front:
        organiser = organiser_at(front, operated)
        campaign = organiser.campaign()
        sent = organiser.send(campaign["id"], "sacha@example.org")
        assert sent.status_code == 202, sent.text
        wait_until(lambda: len(smtp_server.received) > 0)
        wait_until(lambda: open_jobs(organiser.client) == [])
    assert len(smtp_server.received) == 1


def open_jobs(client):
    queues = client.get("/api/queues").json()["data"]
    return [each for each in queues if each["state"] in ("queued", "running", "at_risk")]
