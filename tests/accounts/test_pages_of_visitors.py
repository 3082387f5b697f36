"""What differs between visitors: in their own pages, and refused in those that all share."""

from __future__ import annotations

import pytest

from changemaker_core import Text, flash
from changemaker_core.features.accounts.browser import services
from changemaker_core.testing import as_role, client_of
from tests.accounts.gallery.plugin import GalleryPlugin

EVENT = {
    "title": "Night buses",
    "email": "sam@example.org",
    "places": "30",
    "day": "2026-07-01",
    "doors": "18:00",
    "starts_at": "2026-07-01T18:30",
    "level": "local",
    "kind": "rally",
    "topics": ["buses", "bikes"],
}


@pytest.mark.parametrize("name", ["actor", "csrf", "flash"])
async def test_a_cached_page_that_uses_them_fails_for_everybody(open_app, caplog, name):
    """Also for the author who is signed in, whose own page would not have been cached."""
    async with open_app(GalleryPlugin) as app, as_role(app, "CURATOR") as organiser:
        for client in (client_of(app), organiser):
            caplog.clear()
            response = await client.get(f"/gallery-cached/{name}")
            assert response.status_code == 500
            assert f"gallery/cached_{name}.html:2: '{name}' differs between visitors" in caplog.text


async def test_a_form_is_filled_in_and_sent_by_the_kit(open_app):
    async with open_app(GalleryPlugin, time_zone="America/Edmonton") as app:
        async with as_role(app, "CURATOR") as organiser:
            response = await organiser.submit("/gallery/new", EVENT)
            assert (response.status_code, response.headers["location"]) == (303, "/gallery")
            skipped = await organiser.submit(
                "/gallery/new", {**EVENT, "starts_at": "2026-03-08T02:30"}
            )
            assert skipped.status_code == 422
            assert "there is no 02:30" in skipped.text
            with pytest.raises(AssertionError, match="its forms are sent to: /sign-out"):
                await organiser.submit("/gallery")


async def test_the_menu_has_what_a_person_may_do(open_app):
    async with open_app(GalleryPlugin) as app:
        async with as_role(app, "CURATOR") as organiser, as_role(app, "USER") as user:
            page = (await organiser.get("/account/sessions")).text
            assert 'href="/gallery"' in page
            assert "/secrets" not in page
            assert "For everybody" not in page
            assert 'href="/gallery"' not in (await user.get("/account/sessions")).text
            assert (await user.get("/gallery")).status_code == 403
            public = (await client_of(app).get("/sign-in")).text
            assert "For everybody" in public
            assert "/gallery" not in public


async def test_an_organiser_sends_the_public_form_of_a_cached_page(open_app):
    """Such a page has no token; that the browser says where it comes from is enough."""
    async with open_app(GalleryPlugin) as app, as_role(app, "CURATOR") as organiser:
        for site, status in (("same-origin", 200), ("same-site", 403), (None, 403)):
            headers = {} if site is None else {"Sec-Fetch-Site": site}
            response = await organiser.post("/gallery-signup", data=EVENT, headers=headers)
            assert response.status_code == status
        # A visitor who sends no cookie need prove nothing.
        assert (await client_of(app).post("/gallery-signup", data=EVENT)).status_code == 200


class Req:
    """As much of a request as flash() needs."""

    method, route = "POST", "/gallery/new"

    def __init__(self, session):
        self.session = session


async def session_of(app, monkeypatch):
    """The session of an organiser who has just signed in."""
    from changemaker_core.features.accounts.browser.sessions import sessions_of
    from changemaker_core.features.accounts.sessions.models import UserSession
    from changemaker_core.http.sessions import Session

    row = await app.site.db.read(lambda: UserSession.select().get())
    return Session(str(row.id), "cookie", sessions_of(app.site))


async def test_messages_are_shown_once_in_the_readers_language(open_app, monkeypatch):
    async with open_app(GalleryPlugin) as app, as_role(app, "CURATOR") as organiser:
        req = Req(await session_of(app, monkeypatch))

        def say(tx):
            flash(tx, req, Text("{email} has no account.", email="<ada@example.org>"))
            flash(tx, req, Text("Cancel"), kind="error")

        await app.site.db.write(say)
        # Neither an error page, a page fetched ahead nor a head uses them up.
        assert (await organiser.get("/nothing-here")).status_code == 404
        await organiser.get("/gallery", headers={"Sec-Purpose": "prefetch"})
        assert (await organiser.head("/gallery")).status_code == 200
        page = (await organiser.get("/gallery", headers={"Accept-Language": "fr"})).text
        assert "&lt;ada@example.org&gt; n’a pas de compte." in page
        assert '<p class="notice danger" role="alert">Annuler</p>' in page
        assert '<meta name="robots" content="noindex">' in page
        assert "n’a pas de compte" not in (await organiser.get("/gallery")).text


async def test_a_message_of_a_transaction_that_fails_is_not_shown(open_app, monkeypatch):
    async with open_app(GalleryPlugin) as app, as_role(app, "CURATOR") as organiser:
        req = Req(await session_of(app, monkeypatch))

        def fail(tx):
            flash(tx, req, Text("It is saved."))
            raise RuntimeError("and then it was not")

        with pytest.raises(RuntimeError):
            await app.site.db.write(fail)
        assert "It is saved." not in (await organiser.get("/gallery")).text


async def test_messages_that_nobody_sees_are_bounded(open_app, monkeypatch):
    monkeypatch.setattr(services, "MESSAGES_PER_SESSION", 3)
    async with open_app(GalleryPlugin) as app, as_role(app, "CURATOR") as organiser:
        req = Req(await session_of(app, monkeypatch))
        for n in range(5):
            await app.site.db.write(lambda tx, n=n: flash(tx, req, Text("No. {n}", n=n)))
        page = (await organiser.get("/gallery")).text
        assert [n for n in range(5) if f"No. {n}" in page] == [2, 3, 4]


async def test_without_a_session_there_is_nowhere_to_show_a_message(open_app):
    async with open_app(GalleryPlugin) as app:
        with pytest.raises(LookupError, match="POST /gallery/new: flash"):
            await app.site.db.write(lambda tx: flash(tx, Req(None), Text("Saved.")))


async def test_a_form_that_sends_no_files_says_so(open_app):
    async with open_app() as app, as_role(app, "USER") as person:
        picture = {"photo": ("p.png", b"", "image/png")}
        with pytest.raises(AssertionError, match="sends no files without enctype"):
            await person.submit("/account/password", files=picture)
