"""What needs a recent sign-in: a person confirms their password and goes on where they were."""

from __future__ import annotations

import html
import re
from datetime import timedelta
from typing import Annotated, ClassVar
from urllib.parse import parse_qsl, urlsplit

import msgspec
import pytest
from msgspec import Meta

from changemaker_core import (
    Form,
    Permission,
    Plugin,
    Role,
    Route,
    TemplateResponse,
    Upload,
    endpoint,
    utcnow,
)
from changemaker_core.features.accounts.sessions.models import UserSession
from changemaker_core.testing import as_role, client_of, signed_in
from changemaker_core.testing.session_client import PASSWORD

ERASE = "garden.seed.erase"


class EraseForm(msgspec.Struct, frozen=True):
    reason: str
    beds: Annotated[list[str], Meta(max_length=9)]


class ErasePage:
    done: ClassVar[list[EraseForm]] = []

    @endpoint(permission=ERASE, recent_sign_in=True)
    async def on_get(self, req, resp):
        """The form."""
        return TemplateResponse("accounts/sign_out.html")

    @endpoint(permission=ERASE, recent_sign_in=True, form=EraseForm)
    async def on_post(self, req, resp, *, form: Form[EraseForm]):
        """Erase."""
        self.done.append(form.value)
        return TemplateResponse("accounts/sign_out.html")


class EraseResource:
    @endpoint(permission=ERASE, recent_sign_in=True, status=204)
    async def on_delete(self, req, resp):
        """Erase."""


class GardenPlugin(Plugin):
    name = "garden"
    contributes = (
        Permission(ERASE, "Erase"),
        Role("GARDENER", "Erases", frozenset({ERASE})),
        Route("/garden/erase", ErasePage()),
        Route("/api/garden", EraseResource()),
    )


class Clock:
    ahead = timedelta(0)

    def __call__(self):
        return utcnow() + self.ahead


@pytest.fixture
def clock():
    ErasePage.done.clear()
    return Clock()


LATER = timedelta(minutes=15)
PAGE = "/garden/erase"
FIELDS = {"reason": 'Rain & "mud" <é>\r\ntwice', "beds": ["1", "2"]}


async def test_a_browser_is_sent_to_confirm_and_back(open_app, clock):
    async with open_app(GardenPlugin, clock=clock) as app, as_role(app, "GARDENER") as browser:
        assert (await browser.get(PAGE)).status_code == 200
        clock.ahead = LATER
        sent = await browser.get(f"{PAGE}?bed=1&b=%C3%A9")
        assert sent.status_code == 303
        confirm = sent.headers["location"]
        assert urlsplit(confirm).path == "/account/confirm"
        for typed, problem in (("", ""), ("not it", "This is not your password.")):
            refused = await browser.submit(
                "/account/confirm", {"confirm_password": typed}, page=confirm
            )
            assert refused.status_code in (403, 422)
            assert problem in refused.text
        back = await browser.submit(
            "/account/confirm", {"confirm_password": PASSWORD}, page=confirm
        )
        assert back.headers["location"] == f"{PAGE}?bed=1&b=%C3%A9"
        assert (await browser.get(PAGE)).status_code == 200


async def test_a_form_is_sent_on_with_all_that_was_typed(open_app, clock):
    async with open_app(GardenPlugin, clock=clock) as app, as_role(app, "GARDENER") as browser:
        token = re.search(r'name="csrf_token" value="([^"]+)"', (await browser.get(PAGE)).text)[1]
        data = {**FIELDS, "csrf_token": token}
        clock.ahead = LATER
        asked = await browser.post(PAGE, data=data)
        assert asked.status_code == 403
        assert ErasePage.done == []
        hidden = re.findall(r'<input type="hidden" name="([^"]+)" value="([^"]*)">', asked.text)
        shown = [(name, html.unescape(value)) for name, value in hidden if name != "csrf_token"]
        assert shown == [("reason", FIELDS["reason"]), ("beds", "1"), ("beds", "2")]
        wrong = await browser.post(PAGE, data={**data, "confirm_password": "not it"})
        assert (wrong.status_code, "This is not your password." in wrong.text) == (422, True)
        assert "Rain &amp;" in wrong.text
        forged = {**data, "csrf_token": "x", "confirm_password": PASSWORD}
        assert (await browser.post(PAGE, data=forged)).status_code == 403
        assert ErasePage.done == []
        done = await browser.post(PAGE, data={**data, "confirm_password": PASSWORD})
        assert done.status_code == 200
        assert [each.beds for each in ErasePage.done] == [["1", "2"]]
        clock.ahead += LATER / 2
        assert (await browser.post(PAGE, data=data)).status_code == 200


async def test_a_program_is_told_and_confirms_by_the_api(open_app, clock):
    async with open_app(GardenPlugin, clock=clock) as app, signed_in(app, "GARDENER") as program:
        assert (await program.delete("/api/garden")).status_code == 204
        clock.ahead = LATER - timedelta(seconds=60)
        assert (await program.delete("/api/garden")).status_code == 204
        # The access token has ended by then; another one of the session is no sign-in.
        await app.site.db.write(
            lambda tx: UserSession.update(signed_in_at=tx.now - LATER).execute()
        )
        refused = await program.delete("/api/garden")
        assert (refused.status_code, refused.json()["code"]) == (401, "recent_sign_in_required")
        challenge = 'Bearer error="insufficient_user_authentication", max_age="900"'
        assert challenge in refused.headers.get_list("www-authenticate")
        wrong = await program.post("/api/auth/confirm", json={"password": "not it"})
        assert (wrong.status_code, wrong.json()["code"]) == (401, "unauthorized")
        right = await program.post("/api/auth/confirm", json={"password": "wide river, slow boat"})
        assert right.status_code == 204
        assert (await program.delete("/api/garden")).status_code == 204


async def test_a_key_is_nobodys_sign_in(open_app, clock):
    async with (
        open_app(GardenPlugin, clock=clock) as app,
        signed_in(app, "GARDENER") as owner,
        client_of(app) as program,
    ):
        key = await owner.post("/api/api-keys", json={"name": "Key", "permissions": [ERASE]})
        headers = {"x-api-key": key.json()["key"]}
        refused = await program.delete("/api/garden", headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (403, "recent_sign_in_required")


async def test_guesses_at_the_confirmation_must_wait(open_app, clock):
    async with open_app(GardenPlugin, clock=clock) as app, as_role(app, "GARDENER") as browser:
        clock.ahead = LATER
        confirm = (await browser.get(PAGE)).headers["location"]
        tries = [
            await browser.submit("/account/confirm", {"confirm_password": "not it"}, page=confirm)
            for _ in range(4)
        ]
        assert [each.status_code for each in tries] == [422, 422, 422, 429]
        assert int(tries[-1].headers["retry-after"]) >= 1
        # Nobody who holds the address can make it lead elsewhere.
        clock.ahead += timedelta(minutes=1)
        elsewhere = "/account/confirm?next=" + app.site.signer("other").write("//evil.example")
        back = await browser.submit(
            "/account/confirm", {"confirm_password": PASSWORD}, page=elsewhere
        )
        assert back.headers["location"] == "/account/sessions"
        assert dict(parse_qsl(urlsplit(confirm).query))["next"]


def test_a_declaration_that_cannot_be_is_refused():
    class Files(msgspec.Struct):
        photo: Upload

    for options in ({"public": True}, {"permission": ERASE, "form": Files}):
        with pytest.raises(TypeError, match="recent_sign_in"):

            @endpoint(recent_sign_in=True, **options)
            async def on_post(self, req, resp, *, form=None):
                """Nothing."""
