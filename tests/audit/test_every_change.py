"""Each request that changes what people decide about leaves an entry, or has a reason.

The routes are those of core and of every installed plugin: a new one fails here until it is tried,
or its reason is written down.
"""

from __future__ import annotations

import asyncio
import functools
import re
from datetime import timedelta
from importlib.metadata import entry_points

import httpx
import pytest

from changemaker_core import new_id
from changemaker_core.audit import CoreAuditEntry
from changemaker_core.features.accounts import api
from changemaker_core.features.accounts.joining import links
from changemaker_core.features.accounts.joining.models import Link
from changemaker_core.features.accounts.joining.purposes import EMAIL, RESET, SIGN_IN
from changemaker_core.features.accounts.twofactor import codes
from changemaker_core.features.audit.verification import verify
from changemaker_core.features.webhooks.models import Delivery
from changemaker_core.jobs.held_queues.trials import hold_until_success
from changemaker_core.testing import Clock, client_of
from changemaker_influence.emails.models import CampaignEmail

PASSWORD = "wide river, slow boat"
ZOE = "zoe@example.org"
PAGE = "is the page of an endpoint of the API, and calls the same service"
OWN = "has no endpoint of the API: tests of its page look for the entry"
MAIL = "only sends a link by mail, and what is done with that leaves an entry"
#: What leaves no entry, and why.
WITHOUT = {
    "POST /admin/backups": "calls a service that leaves an entry",
    "POST /admin/jobs/{id}/cancel": PAGE,
    "POST /admin/jobs/{id}/retry": "calls a service that leaves an entry",
    "POST /admin/mail-templates/{slug}/{language}": PAGE,
    "POST /admin/mail-templates/{slug}/{language}/preview": "shows a text",
    "POST /admin/mail-templates/{slug}/{language}/preview-text": "shows a text",
    "POST /admin/mail-templates/{slug}/{language}/restore": PAGE,
    "POST /admin/mail-templates/{slug}/{language}/test": "sends a mail to whoever asks for it",
    "POST /admin/queues/{slug}/retry": "calls a service that leaves an entry",
    "POST /admin/settings/mail/test": "tries a mail server",
    "POST /admin/settings/{slug}": PAGE,
    "POST /admin/settings/{slug}/pictures/{name}": PAGE,
    "POST /admin/settings/{slug}/preview": "shows a text",
    "POST /admin/settings/{slug}/restore": PAGE,
    "POST /api/auth/confirm": "proves again who is signed in",
    "POST /api/auth/email": MAIL,
    "POST /api/auth/forgot-password": MAIL,
    "POST /api/auth/magic-link": MAIL,
    "POST /api/auth/refresh": "a program goes on with its session",
    "POST /api/auth/register": MAIL,
    "POST /api/auth/totp/enable": "shows a secret that is not in force before it is verified",
    "POST /account": PAGE,
    "POST /account/api-keys": PAGE,
    "POST /account/api-keys/{id}/revoke": PAGE,
    "POST /account/confirm": "proves again who is signed in",
    "POST /account/email": MAIL,
    "POST /account/password": PAGE,
    "POST /account/sessions/end-others": PAGE,
    "POST /account/sessions/{id}/end": PAGE,
    "POST /account/two-factor": PAGE,
    "POST /account/two-factor/off": PAGE,
    "POST /account/two-factor/recovery-codes": PAGE,
    "POST /admin/checklist": PAGE,
    "POST /admin/people": "goes to a page, which leaves an entry where something is found",
    "POST /admin/people/{slug}/erase": PAGE,
    "POST /admin/people/{slug}/export": PAGE,
    "POST /admin/letters/{id}/cancel": PAGE,
    "POST /admin/letters/{id}/retry": PAGE,
    "POST /admin/letters/{id}/settle": PAGE,
    "POST /admin/queues/{slug}/hold": PAGE,
    "POST /admin/queues/{slug}/release": PAGE,
    "POST /admin/queues/{slug}/try": PAGE,
    "POST /admin/api-keys/{id}": PAGE,
    "POST /admin/audit/verify": OWN,
    "POST /admin/roles/new": PAGE,
    "POST /admin/roles/{name}": PAGE,
    "POST /admin/roles/{name}/delete": PAGE,
    "POST /admin/team/invite": PAGE,
    "POST /admin/team/{id}": PAGE,
    "POST /admin/team/{id}/delete": PAGE,
    "POST /admin/team/{id}/reactivate": PAGE,
    "POST /admin/team/{id}/resend": PAGE,
    "POST /admin/team/{id}/reset-two-factor": PAGE,
    "POST /admin/team/{id}/roles/new": PAGE,
    "POST /admin/team/{id}/roles/{grant}/end": PAGE,
    "POST /admin/team/{id}/sessions/{session}/end": PAGE,
    "POST /admin/team/{id}/sign-out": PAGE,
    "POST /admin/team/{id}/suspend": PAGE,
    "POST /admin/team/{id}/unlock": PAGE,
    "POST /admin/team/{id}/withdraw": PAGE,
    "POST /admin/webhooks/new": PAGE,
    "POST /admin/webhooks/{id}/delete": PAGE,
    "POST /admin/webhooks/{id}/deliveries/{delivery}/redeliver": PAGE,
    "POST /admin/webhooks/{id}/edit": PAGE,
    "POST /admin/webhooks/{id}/redeliver-failed": OWN,
    "POST /admin/webhooks/{id}/rotate-secret": PAGE,
    "POST /admin/webhooks/{id}/state": PAGE,
    "POST /admin/webhooks/{id}/test": PAGE,
    "POST /forgot-password": MAIL,
    "POST /join/{token}": PAGE,
    "POST /register": MAIL,
    "POST /reset-password/{token}": PAGE,
    "POST /sign-in": PAGE,
    "POST /sign-in-link": MAIL,
    "POST /sign-in-link/{token}": PAGE,
    "POST /sign-in/code": PAGE,
    "POST /sign-out": PAGE,
    "POST /verify-email/{token}": PAGE,
    "POST /api/campaigns/{id}/send-email": "what supporters write is no decision of the team",
    "POST /api/public/representatives": "looks up representatives; the postal code is in the body",
    "POST /campaigns/{slug}": "what supporters write is no decision of the team",
    "POST /api/campaigns/{id}/test-email": "sends a mail to whoever asks for it",
    "POST /admin/campaigns/new": PAGE,
    "POST /admin/campaigns/{id}": PAGE,
    "POST /admin/campaigns/{id}/archive": PAGE,
    "POST /admin/campaigns/{id}/duplicate": PAGE,
    "POST /admin/campaigns/{id}/formatted": "shows a text",
    "POST /admin/campaigns/{id}/pause": PAGE,
    "POST /admin/campaigns/{id}/publish": PAGE,
    "POST /admin/campaigns/{id}/restore": PAGE,
    "POST /admin/campaigns/{id}/numbers": PAGE,
    "POST /admin/campaigns/{id}/recipients": PAGE,
    "POST /admin/campaigns/{id}/recipients/first": PAGE,
    "POST /admin/campaigns/{id}/recipients/import": PAGE,
    "POST /admin/campaigns/{id}/recipients/{recipient_id}": PAGE,
    "POST /admin/campaigns/{id}/recipients/{recipient_id}/remove": PAGE,
    "POST /admin/campaigns/{id}/share": PAGE,
    "POST /admin/campaigns/{id}/test": PAGE,
    "POST /admin/campaigns/{id}/translations/{language}": PAGE,
    "POST /admin/campaigns/{id}/translations/{language}/remove": PAGE,
    "POST /api/mail-templates/{slug}/{language}/preview": "shows a text",
    "POST /api/mail-templates/{slug}/{language}/test": "sends a mail to whoever asks for it",
    "POST /api/settings/images": "stores a picture that no setting shows yet",
    "POST /api/settings/{slug}/test": "tries a mail server",
    "PUT /api/campaigns/{id}/cover-photo": "calls the service of PATCH, with a picture",
    "DELETE /api/campaigns/{id}/cover-photo": "calls the service of PATCH, without a picture",
}
#: Bulk actions of lists leave an entry, which the tests of admin look for.
BULK = re.compile(r"POST /admin/(.+/actions/[^/]+|bulk/\{id\}/(cancel|undo))")
CAMPAIGN = {
    "title": "Parks",
    "email_subject": "Parks",
    "email_body": "Please plant trees.",
    "target_government_levels": ["FEDERAL"],
    "allow_custom_recipients": True,
}


class Walk:
    """Sends requests, and notes which routes left which entry."""

    def __init__(self, app, clock):
        self.app, self.clock, self.site = app, clock, app.site
        self.walked = set()
        self.clients = []

    def client(self, token=None):
        """A client at an address of its own, so that no limit is met."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        address = f"10.9.{len(self.clients)}.1"
        transport = httpx.ASGITransport(app=self.app, client=(address, 50000))
        made = httpx.AsyncClient(
            transport=transport, base_url="http://127.0.0.1:4000", headers=headers
        )
        self.clients.append(made)
        return made

    async def login(self, email, password=PASSWORD):
        """What signing in responds with, in a minute of its own."""
        self.clock.forward(minutes=2)
        body = {"email": email, "password": password}
        return (await self.client().post("/api/auth/login", json=body)).raise_for_status().json()

    async def __call__(self, action, route, json=None, client=None, **params):
        """Send a request, which leaves an entry with this action; return the response's JSON."""
        before = await self.entries()
        method, _, template = route.partition(" ")
        path = template.format(**params)
        response = await (client or self.admin).request(method, path, json=json)
        assert response.is_success, f"{route}: {response.status_code} {response.text}"
        new = [entry for entry in await self.entries() if entry.id not in {e.id for e in before}]
        assert action in {entry.action for entry in new}, f"{route}: {[e.action for e in new]}"
        for entry in new:
            assert entry.actor_kind in ("user", "visitor")
            assert entry.request_id == response.headers["X-Request-ID"]
        self.walked.add(route)
        is_json = "json" in response.headers.get("content-type", "")
        return response.json() if is_json and response.content else None

    async def entries(self):
        return await self.site.db.read(lambda: list(CoreAuditEntry.select()))

    async def link(self, purpose, email, user_id):
        """The token of a link that was mailed."""
        issue = functools.partial(links.issue, purpose=purpose, email=email, locale="en")
        return self._token(await self.site.db.write(issue, user_id=user_id))

    async def invitation(self, user_id):
        open_ = (Link.user == user_id) & Link.ended_at.is_null()
        return self._token(await self.site.db.read(lambda: str(Link.get(open_).id)))

    def _token(self, id):
        return self.site.signer("accounts.link").write(id)


@pytest.fixture
async def walk(open_app):
    clock = Clock()
    plugins = [entry.load() for entry in entry_points(group="changemaker.plugins")]
    async with open_app(*plugins, clock=clock) as app, client_of(app):
        walk = Walk(app, clock)
        await asyncio.to_thread(
            lambda: api.create_user(
                app.site, email="a@example.org", name="A", role="SUPER_ADMIN", password=PASSWORD
            )
        )
        walk.admin = walk.client((await walk.login("a@example.org"))["access_token"])
        yield walk
        for client in walk.clients:
            await client.aclose()


@pytest.mark.database("sqlite")
async def test_each_change_leaves_an_entry(walk):
    user = await people(walk)
    await access(walk, user)
    await two_factor(walk, user)
    await team(walk, user)
    await site_wide(walk)
    await campaigns(walk, user)
    await webhooks(walk)
    await privacy(walk, user)
    unsafe = {
        f"{route.method} {route.path}"
        for route in walk.site.routes()
        if route.method not in ("GET", "HEAD", "OPTIONS")
    }
    unsafe = {each for each in unsafe if not BULK.fullmatch(each)}
    assert unsafe - walk.walked == WITHOUT.keys()
    db = walk.site.db
    from changemaker_core.features.audit import sealing

    while await db.write(sealing.seal, walk.site):
        pass
    assert (await asyncio.to_thread(verify, walk.site)).fits
    stored = await db.read(lambda: [repr(row.__data__) for row in CoreAuditEntry.select()])
    for personal in (ZOE, PASSWORD, "Zoé", "a@example.org"):
        assert not [row for row in stored if personal in row]


async def people(walk):
    """An account is made, invited, joined and changed."""
    new = {"email": ZOE, "name": "Zoé"}
    user = (await walk("accounts.user.created", "POST /api/users", new))["id"]
    await walk("accounts.user.invited", "POST /api/users/{id}/invite", id=user)
    join = {"token": await walk.invitation(user), "name": "Zoé", "password": PASSWORD}
    await walk("accounts.user.joined", "POST /api/auth/join", join, walk.client())
    await walk("accounts.user.changed", "PATCH /api/users/{id}", {"phone": "555"}, id=user)
    other = (await walk("accounts.user.created", "POST /api/users", {**new, "email": "o@x.org"}))[
        "id"
    ]
    await walk("accounts.user.invitation_withdrawn", "DELETE /api/users/{id}/invite", id=other)
    return user


async def invited(walk, email):
    """The id of somebody who was invited."""
    new = {"email": email, "name": "Other"}
    return (await walk("accounts.user.created", "POST /api/users", new))["id"]


async def access(walk, user):
    """Sessions, passwords and keys of a user."""
    credentials = {"email": ZOE, "password": PASSWORD}
    walk.clock.forward(minutes=2)
    session = await walk(
        "accounts.user.signed_in", "POST /api/auth/login", credentials, walk.client()
    )
    refresh = {"refresh_token": session["refresh_token"]}
    await walk("accounts.user.signed_out", "POST /api/auth/logout", refresh, walk.client())
    zoe = walk.client((await walk.login(ZOE))["access_token"])
    await walk.login(ZOE)
    listed = (await zoe.get("/api/auth/sessions")).json()["data"]
    one = next(each["id"] for each in listed if not each["current"])
    await walk("accounts.user.signed_out", "DELETE /api/auth/sessions/{id}", client=zoe, id=one)
    key = {"name": "Zoé’s program", "permissions": ["accounts.me.read"]}
    made = await walk("accounts.key.created", "POST /api/api-keys", key, zoe)
    await walk("accounts.key.revoked", "DELETE /api/api-keys/{id}", client=zoe, id=made["id"])
    await walk("accounts.user.changed", "PATCH /api/auth/me", {"name": "Zoé Z."}, zoe)
    await walk("accounts.user.signed_out_everywhere", "DELETE /api/auth/sessions", client=zoe)
    reset = {"token": await walk.link(RESET, ZOE, user), "password": PASSWORD}
    await walk(
        "accounts.user.password_changed", "POST /api/auth/reset-password", reset, walk.client()
    )
    token = {"token": await walk.link(SIGN_IN, ZOE, user)}
    await walk("accounts.user.signed_in", "POST /api/auth/magic-link/sign-in", token, walk.client())
    token = {"token": await walk.link(EMAIL, "zoe2@example.org", user)}
    await walk("accounts.user.email_changed", "POST /api/auth/verify-email", token, walk.client())
    await walk("accounts.user.changed", "PATCH /api/users/{id}", {"email": ZOE}, id=user)


async def two_factor(walk, user):
    """Two-factor sign-in is turned on, used, turned off, and reset."""

    async def turn_on():
        zoe = walk.client((await walk.login(ZOE))["access_token"])
        begun = (await zoe.post("/api/auth/totp/enable")).json()
        secret = begun["secret"].replace(" ", "")

        def code():
            return codes.code_of(secret, codes.step_of(walk.clock()))

        body = {"setup": begun["setup"], "code": code()}
        route = "POST /api/auth/totp/verify"
        await walk("accounts.user.two_factor_turned_on", route, body, zoe)
        return zoe, code

    zoe, code = await turn_on()
    challenge = (await walk.login(ZOE))["challenge"]
    body = {"challenge": challenge, "code": code()}
    await walk("accounts.user.signed_in", "POST /api/auth/login/code", body, walk.client())
    route = "POST /api/auth/totp/recovery-codes"
    await walk("accounts.user.recovery_codes_replaced", route, client=zoe)
    route = "POST /api/auth/totp/disable"
    await walk("accounts.user.two_factor_turned_off", route, client=zoe)
    await turn_on()
    route = "POST /api/users/{id}/reset-two-factor"
    await walk("accounts.user.two_factor_turned_off", route, id=user)


async def team(walk, user):
    """What administrators do to users and roles."""
    verbs = {"suspended": "suspend", "reactivated": "reactivate", "unlocked": "unlock"}
    for what, verb in verbs.items():
        await walk(f"accounts.user.{what}", f"POST /api/users/{{id}}/{verb}", id=user)
    route = "DELETE /api/users/{id}/sessions"
    await walk("accounts.user.signed_out_everywhere", route, id=user)
    role = {"name": "READERS", "description": "Read", "permissions": ["audit.read"]}
    await walk("accounts.role.created", "POST /api/roles", role)
    change = {"description": "Read all"}
    await walk("accounts.role.changed", "PATCH /api/roles/{name}", change, name="READERS")
    await walk("accounts.role.deleted", "DELETE /api/roles/{name}", name="READERS")
    other = await invited(walk, "d@example.org")
    await walk("accounts.user.deleted", "DELETE /api/users/{id}", id=other)


async def site_wide(walk):
    """Settings, mail templates and jobs."""
    route = "PATCH /api/settings/{slug}"
    values = {"values": {"name": "Parks for all"}}
    await walk("settings.group.changed", route, values, slug="organisation")
    route = "POST /api/settings/{slug}/rollback"
    await walk("settings.group.restored", route, {"to": 0}, slug="organisation")
    template = {"slug": "accounts.reset", "language": "en"}
    walk.admin = walk.client((await walk.login("a@example.org"))["access_token"])
    listed = (await walk.admin.get("/api/mail-templates")).json()["data"]
    template["slug"] = listed[0]["name"]
    path = "/api/mail-templates/{slug}/{language}"
    text = (await walk.admin.get(path.format(**template))).json()
    new = {"subject": "Other words", "text": text["text"], "version": 0}
    await walk("mailtemplates.text.changed", f"PUT {path}", new, **template)
    await walk("mailtemplates.text.reset", f"DELETE {path}", **template)
    back = {"number": 1, "version": 2}
    await walk("mailtemplates.text.restored", f"POST {path}/rollback", back, **template)
    due = walk.clock() + timedelta(days=1)
    job = await walk.site.db.write(lambda tx: tx.enqueue("core.purge", {}, due_at=due))
    await walk("operations.job.cancelled", "POST /api/jobs/{id}/cancel", id=job)
    queue = "POST /api/queues/{slug}"
    await walk("operations.queue.held", f"{queue}/hold", {"note": "a new server"}, slug="mail")
    await walk("operations.queue.released", f"{queue}/release", slug="mail")
    await walk.site.db.write(hold_until_success, "mail", "unreachable", "timed out")
    await walk("operations.queue.tried", f"{queue}/try", slug="mail")
    await walk("operations.queue.released", f"{queue}/release", slug="mail")


async def campaigns(walk, user):
    """Campaigns, their recipients, their messages, and roles for one of them."""
    id = (await walk("influence.campaign.created", "POST /api/campaigns", CAMPAIGN))["id"]
    change = {"title": "All parks"}
    await walk("influence.campaign.changed", "PATCH /api/campaigns/{id}", change, id=id)
    route = "POST /api/campaigns/{id}/duplicate"
    await walk("influence.campaign.created", route, {"title": "More parks"}, id=id)
    recipient = {"name": "Jo Mayor", "email": "jo@example.org"}
    route = "POST /api/campaigns/{id}/recipients"
    added = await walk("influence.campaign.recipient_added", route, recipient, id=id)
    route = "DELETE /api/campaigns/{id}/recipients/{recipient_id}"
    body, recipient = {"title": "Chair"}, added["id"]
    change = "PATCH /api/campaigns/{id}/recipients/{recipient_id}"
    await walk("influence.campaign.recipient_changed", change, body, id=id, recipient_id=recipient)
    await walk("influence.campaign.recipient_removed", route, id=id, recipient_id=recipient)
    table = {"recipients": [{"name": "Bo", "email": "bo@example.org"}]}
    route = "POST /api/campaigns/{id}/recipients/import"
    await walk("influence.campaign.recipient_added", route, table, id=id)
    route = "PATCH /api/campaigns/{id}/translations/{language}"
    french = {"title": "Des parcs"}
    await walk("influence.campaign.translated", route, french, id=id, language="fr")
    route = "DELETE /api/campaigns/{id}/translations/{language}"
    await walk("influence.campaign.translation_removed", route, id=id, language="fr")
    grant = {"role": "INFLUENCE_ADMIN", "scope": "influence.campaign", "object_id": id}
    given = await walk("accounts.user.granted", "POST /api/users/{id}/grants", grant, id=user)
    route = "DELETE /api/users/{id}/grants/{grant}"
    await walk("accounts.user.grant_ended", route, id=user, grant=given["id"])
    message = await letter(walk, id, "FAILED")
    await walk("influence.message.retried", "POST /api/campaign-emails/{id}/retry", id=message)
    await walk("influence.message.cancelled", "POST /api/campaign-emails/{id}/cancel", id=message)
    for file in ("csv", "xlsx"):
        await walk("influence.emails.exported", f"GET /api/campaigns/{{id}}/emails.{file}", id=id)
    await letter(walk, id, "FAILED")
    await walk("influence.campaign.retried", "POST /api/campaigns/{id}/retry-failed", id=id)
    message = await letter(walk, id, "UNKNOWN")
    route = "POST /api/campaign-emails/{id}/settle"
    await walk("influence.message.settled", route, {"outcome": "not_sent"}, id=message)
    other = (await walk("influence.campaign.created", "POST /api/campaigns", CAMPAIGN))["id"]
    await walk("influence.campaign.deleted", "DELETE /api/campaigns/{id}", id=other)


async def letter(walk, campaign, status):
    """A message of this status."""
    id, now = new_id(), walk.clock()
    values = {
        "id": id,
        "campaign": campaign,
        "status": status,
        "sender_name": "S",
        "sender_email": "s@example.org",
        "recipient_name": "R",
        "recipient_email": "r@example.org",
        "postal_code": "",
        "action_id": new_id(),
        "subject": "Parks",
        "body": "Trees",
        "consent_text": "",
        "consent_version": "1",
        "consent_language": "en",
        "consented_at": now,
        "created_at": now,
        "updated_at": now,
    }
    await walk.site.db.write(lambda tx: CampaignEmail.insert(**values).execute())
    return id


async def webhooks(walk):
    """Other programs that are notified."""
    new = {"url": "https://1.1.1.1/hook", "events": ["accounts.user_created"]}
    known = (await walk.admin.get("/api/webhook-events")).json()["data"]
    new["events"] = [known[0]["name"]]
    id = (await walk("webhooks.endpoint.created", "POST /api/webhooks", new))["id"]
    change = {"description": "Members"}
    await walk("webhooks.endpoint.changed", "PATCH /api/webhooks/{id}", change, id=id)
    route = "POST /api/webhooks/{id}/rotate-secret"
    await walk("webhooks.endpoint.secret_rotated", route, {}, id=id)
    sent = await walk("webhooks.endpoint.tested", "POST /api/webhooks/{id}/test", id=id)
    done = Delivery.update(state="delivered")
    await walk.site.db.write(lambda tx: done.execute())
    route = "POST /api/webhooks/{id}/deliveries/{delivery}/redeliver"
    await walk("webhooks.endpoint.redelivered", route, id=id, delivery=sent["delivery_id"])
    await walk("webhooks.endpoint.deleted", "DELETE /api/webhooks/{id}", id=id)


async def privacy(walk, user):
    """A person is exported and erased."""
    walk.admin = walk.client((await walk.login("a@example.org"))["access_token"])
    whose = {"emails": [ZOE]}
    await walk("audit.log.exported", "GET /api/audit-log/export?format=csv")
    looked_up = {**whose, "dry_run": True}
    await walk("privacy.person.looked_up", "POST /api/privacy/erase", looked_up)
    await walk("privacy.person.exported", "POST /api/privacy/export", whose)
    await walk("privacy.person.erased", "POST /api/privacy/erase", {**whose, "dry_run": False})
