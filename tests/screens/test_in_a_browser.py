"""Every screen of organisers, in Chromium: narrow and wide, light and dark, in English and French,
by keyboard, without scripts, and after somebody has tried to store one."""

from __future__ import annotations

import itertools
import os

import dns.resolver
import httpx
import pytest

from changemaker_admin.plugin import AdminPlugin
from changemaker_core.features.accounts import api as accounts
from changemaker_core.testing.session_client import PASSWORD
from changemaker_influence.campaigns.models import Campaign
from changemaker_influence.demo import seed
from changemaker_influence.plugin import InfluencePlugin
from tests.accounts.gallery.serving import served
from tests.mail.name_server import NameServer
from tests.screens.crawl import OF_BROWSER, Page, Screens
from tests.screens.hostile import ATTACK, fill_in
from tests.screens.looking import (
    LOOKS,
    faults,
    listen,
    not_reached,
    unusable_without_scripts,
)

pytestmark = [pytest.mark.browser, pytest.mark.database("sqlite")]

#: In CI each screen is looked at once, narrow or wide, light or dark, in one language; the session
#: `screens` looks at each in both widths, schemes and languages.
EVERY_LOOK = "CHANGEMAKER_EVERY_LOOK" in os.environ
SUPPORTER = "sacha@example.org"
EMAIL, NAME = "zoe@example.org", "Zoé Tremblay-Okonkwo de la Rivière-du-Loup"
#: Templates of routes under /admin that a link leads to only in a state that this site is not in.
NO_LINK = {
    "/admin/queues/live": "sends events",
    "/admin/settings/mail/records": "asks the DNS about the sender's domain",
    "/admin/bulk/{id}": "while an action on many rows goes on, and after it",
    "/admin/bulk/{id}/live": "while an action on many rows goes on",
    "/admin/campaigns/{id}/numbers/districts.csv": "once letters were sent",
    "/admin/campaigns/{id}/numbers/districts.xlsx": "once letters were sent",
    "/admin/campaigns/{id}/numbers/recipients.csv": "once letters were sent",
    "/admin/campaigns/{id}/numbers/recipients.xlsx": "once letters were sent",
    "/admin/campaigns/{id}/restore": "of a campaign in the archive",
    "/admin/campaigns/{id}/translations/{language}": "of a campaign in two languages",
    "/admin/campaigns/{id}/translations/{language}/remove": "of a campaign in two languages",
    "/admin/queues/{slug}/hold": "of a queue that is not held",
    "/admin/team/{id}/reset-two-factor": "of another person with two-factor sign-in",
    "/admin/team/{id}/roles/{grant}/end": "of a person with a role for one campaign",
    "/admin/team/{id}/sign-out": "of another person who is signed in",
}
#: Parts that other screens show in a frame or put into themselves. Some run no script, nor axe.
PARTS = {
    "/admin/campaigns/{id}/preview/page",
    "/admin/mail-templates/{slug}/{language}/preview",
    "/admin/settings/{slug}/preview",
}
#: Pages of people's own accounts, which have the same frame.
ACCOUNT = [
    "/account",
    "/account/api-keys",
    "/account/email",
    "/account/password",
    "/account/sessions",
    "/account/sessions/end-others",
    "/account/two-factor",
]


HELPER = {"name": "HELPER", "description": "Reads the log", "permissions": ["audit.read"]}
WEBHOOK = {"url": "https://1.1.1.1/hook", "events": ["accounts.user.created"]}
BOB = {"email": "bob@example.org", "name": "Bob", "password": PASSWORD}
DRAFT = {
    "title": "Night trains",
    "email_subject": "Trains",
    "email_body": "Dear {recipient_name},",
    "target_government_levels": ["FEDERAL"],
}
#: What is made over the API, so that there is one of everything.
MADE = [
    ("PATCH", "/api/settings/organisation", {"values": {"short_name": "Prairie Transit"}}),
    ("POST", "/api/api-keys", {"name": "Import", "permissions": ["accounts.me.read"]}),
    ("POST", "/api/roles", HELPER),
    ("POST", "/api/users", {"email": "eve@example.org", "name": "Eve"}),
    ("POST", "/api/users", BOB),
    ("POST", "/api/campaigns", DRAFT),
    ("POST", "/api/queues/mail/hold", {"note": "A new mail server comes."}),
    ("POST", "/api/webhooks", WEBHOOK),
]


@pytest.fixture
def name_server(monkeypatch):
    """The one that the site asks: it knows no domain."""
    with NameServer({}) as server:
        resolver = server.resolver()
        monkeypatch.setattr(dns.resolver, "Resolver", lambda: resolver)
        yield server


@pytest.fixture
def organised(make_config, name_server):
    """A site with all there is, and what its organisers have made; its app, address, and a client
    of somebody who may do everything."""
    tables = {"influence": {"directory": "file"}}
    config = make_config(organisation="Prairie Transit Alliance", plugin_tables=tables)
    with served(config, [AdminPlugin, InfluencePlugin]) as (app, address):
        fill(app.site, address)
        with httpx.Client(base_url=address, headers={"Accept": "text/html"}, timeout=60) as client:
            credentials = {"email": EMAIL, "password": PASSWORD}
            signed_in = client.post("/sign-in", data=credentials, headers=OF_BROWSER)
            assert signed_in.status_code == 303
            yield app, address, client


def screens_of(app, client):
    """The screens, with those that only a form leads to: what is known of one person."""
    search = Page(client.get("/admin/people", headers=OF_BROWSER).text)
    form = next(each for each in search.forms if "emails" in {one.name for one in each.fields})
    data = {each.name: each.value for each in form.fields} | {"emails": f"{EMAIL} {SUPPORTER}"}
    found = client.post("/admin/people", data=data, headers=OF_BROWSER)
    assert found.status_code == 303, f"{found.status_code}: {found.text[-3000:]}"
    return Screens(app.site, client, (found.headers["location"],))


def fill(site, address):
    """Campaigns, letters, a team."""
    accounts.create_user(site, email=EMAIL, name=NAME, role="SUPER_ADMIN", password=PASSWORD)
    accounts.create_user(site, email="ann@example.org", name="Ann Bird", role="USER", password=None)
    site.db.sync.write(seed)
    campaign = site.db.sync.read(lambda: Campaign.get(Campaign.title.contains("wetland")))
    letter = {
        "sender_name": "Sacha Supporter",
        "sender_email": SUPPORTER,
        "postal_code": "L5G 4L3",
        "recipient_emails": ["jordan.okafor@ola.example.ca"],
        "consent": True,
    }
    url = f"{address}/api/campaigns/{campaign.id}/send-email"
    assert httpx.post(url, json=letter, timeout=60).status_code in (200, 202)
    with httpx.Client(base_url=address, timeout=60) as client:
        credentials = {"email": EMAIL, "password": PASSWORD}
        token = client.post("/api/auth/login", json=credentials).json()["access_token"]
        client.headers["Authorization"] = f"Bearer {token}"
        for method, path, body in MADE:
            made = client.request(method, path, json=body)
            assert made.status_code < 300, f"{method} {path}: {made.text}"
            if path == "/api/webhooks":
                client.post(f"{path}/{made.json()['id']}/test").raise_for_status()
            elif path == "/api/users" and body["name"] == "Bob":
                client.post(f"{path}/{made.json()['id']}/suspend").raise_for_status()


def pages_of(open_page, client, look, **options):
    """A page that is signed in as the client is."""
    page = open_page(
        viewport={"width": look.width, "height": 900},
        color_scheme=look.scheme,
        locale=look.locale,
        **options,
    )
    base = str(client.base_url)
    page.context.add_cookies(
        [{"name": each.name, "value": each.value, "url": base} for each in client.cookies.jar]
    )
    return page


def report(found):
    """What is wrong, one line each."""
    return "\n".join(f"{place}: {each}" for place, faults in found.items() for each in faults)


def test_every_screen_is_for_everybody(open_page, organised):
    """One walk for all of it: finding the screens takes as long as looking at some of them."""
    app, address, client = organised
    screens = screens_of(app, client)
    assert screens.broken == {}
    assert [path for path in screens.missing if path not in NO_LINK] == []
    assert [path for path in NO_LINK if path not in screens.templates] == []
    paths = [*screens.paths, *ACCOUNT]
    found = {**looked_at(open_page, address, client, screens, paths)}
    page = pages_of(open_page, client, LOOKS[0][0], javascript=False)
    for path in paths:
        if screens.template(path) not in PARTS:
            page.goto(address + path)
            found[path, "without scripts"] = unusable_without_scripts(page)
    assert not any(found.values()), report(found)


def looked_at(open_page, address, client, screens, paths):
    """What is wrong with each screen, in each look that it is looked at in."""
    opened = {}
    for look in itertools.chain(*LOOKS):
        page = pages_of(open_page, client, look)
        opened[look] = (page, listen(page, address))
    found = {}
    for number, path in enumerate(paths):
        if screens.template(path) in PARTS:
            continue
        looks = LOOKS[number % 2]
        for look in looks if EVERY_LOOK else [looks[number // 2 % 2]]:
            page, heard = opened[look]
            problems = faults(page, page.goto(address + path), look.width)
            if look.width > 960:
                problems += not_reached(page)
            found[(screens.template(path) or path, *look)] = [*problems, *heard]
            heard.clear()
    return found


def test_nothing_that_is_typed_is_evaluated(open_page, organised):
    app, address, client = organised
    walk = fill_in(client, screens_of(app, client).pages)
    assert (walk.caught, walk.failed) == ([], [])
    screens = screens_of(app, client)
    assert screens.broken == {}
    page = pages_of(open_page, client, LOOKS[0][1])
    heard = listen(page, address)
    shown, found = 0, {}
    for path in [*screens.paths, *ACCOUNT, "/", "/campaigns"]:
        page.goto(address + path)
        shown += ATTACK in page.content() or ATTACK in page.inner_text("body")
        if heard or page.evaluate("window.hit"):
            found[path] = list(heard)
        heard.clear()
    assert not found, report(found)
    # It is no success that nothing was stored.
    assert shown >= 3, walk.stored
