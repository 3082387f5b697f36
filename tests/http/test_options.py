"""Options of ``@endpoint``, authenticators and tables of errors, in a site with two plugins."""

from __future__ import annotations

import asyncio
from typing import Annotated, ClassVar

import httpx
import msgspec
import pytest
from msgspec import Meta

from changemaker_core import (
    Actor,
    Authenticator,
    Body,
    Conflict,
    NotFound,
    Permission,
    Plugin,
    Route,
    Text,
    Unauthorized,
    endpoint,
    hookimpl,
)
from changemaker_core.http.openapi import describe
from changemaker_core.plugin.errors import BootFailed
from changemaker_core.testing.fixtures.site import client_of

pytestmark = pytest.mark.database("sqlite")


class FairConfig(msgspec.Struct, frozen=True, kw_only=True):
    largest: Annotated[int, Meta(gt=0)] = 40
    seconds: float = 60
    rate: str = "100/minute"
    media: str = "https://media.example.org"


class FairError(Exception):
    """Base of the plugin's own exceptions."""


class FairFull(FairError):
    """No place is left."""


class FairOver(FairError):
    """It has ended."""


class Note(Body):
    text: str


class Configured:
    count = 0

    @endpoint(
        public=True,
        body=Note,
        max_body=lambda config: config.largest,
        rate_limit=lambda config: config.rate,
    )
    async def on_post(self, req, resp, *, body):
        return body

    @endpoint(public=True, cache=lambda config: config.seconds)
    async def on_get(self, req, resp):
        Configured.count += 1
        return {"count": Configured.count}


class Feed:
    @endpoint(public=True, produces="text/calendar", cache=60, varies=())
    async def on_get(self, req, resp):
        return "BEGIN:VCALENDAR\r\nSUMMARY:Fête\r\nEND:VCALENDAR"


class Film:
    @endpoint(public=True, csp=lambda config: {"media-src": f"'self' {config.media}"})
    async def on_get(self, req, resp):
        resp.content_type = "text/html"
        return b"<video></video>"


class Brief:
    """Shortens its caching by the query."""

    made = 0

    @endpoint(public=True, cache=60)
    async def on_get(self, req, resp):
        Brief.made += 1
        if (seconds := req.get_param_as_float("for")) is not None:
            req.cache_for(seconds)
        return {"made": Brief.made}


class Stall:
    @endpoint(permission="fair.stall.write", on="id")
    async def on_get(self, req, resp, *, id):
        return {"id": id}


async def stall_of(req, *, id):
    return {"v1": "s1", "v2": "s2"}.get(id)


class Visits:
    @endpoint(permission="fair.stall.write", on=stall_of)
    async def on_get(self, req, resp, *, id):
        return {"id": id}


class SignUp:
    errors: ClassVar = {
        FairFull: Conflict("No place is left.", code="fair_full"),
        FairError: lambda error: NotFound(code="fair_" + type(error).__name__.lower()),
    }

    @endpoint(public=True, responses={303: "Sent to the fair's page."})
    async def on_post(self, req, resp, *, how):
        raise {
            "full": FairFull,
            "over": FairOver,
            "told": FairTold(Text("Closed since {day}.", day="Monday")),
            "key": KeyError,
        }[how]

    @endpoint(public=True)
    async def on_get(self, req, resp, *, how):
        return {}


class FairTold(Exception):
    """Mapped by the plugin, not by the resource."""


async def find_badge(req):
    badge = req.get_header("X-Badge")
    if badge == "bad":
        raise Unauthorized
    known = {
        "all": Actor("user", "u1", "Ada", frozenset({"fair.stall.write"})),
        "one": Actor("user", "u2", "Bob", frozenset(), frozenset({("fair.stall.write", "s1")})),
    }
    return known.get(badge)


async def find_ticket(req):
    if req.get_cookie_values("ticket") == ["bad"]:
        raise Unauthorized
    return Actor("user", "ticket", "Tia", frozenset())


async def find_secretly(req):
    """Reads a header that it does not declare."""
    return Actor("user", "secret", "Eve", frozenset()) if req.get_header("X-Secret") else None


class Who:
    @endpoint(public=True, cache=60)
    async def on_get(self, req, resp):
        return {"id": req.actor and req.actor.id}


class FairPlugin(Plugin):
    name = "fair"
    config = FairConfig
    errors: ClassVar = {FairTold: Conflict(code="fair_told")}

    @hookimpl
    def cm_register_permissions(self):
        return [Permission("fair.stall.write", "Change a stall")]

    @hookimpl
    def cm_register_authenticators(self):
        return [
            Authenticator(
                "fair.badge", find_badge, headers=("X-Badge",), strict=True, challenge="Badge"
            ),
            Authenticator("fair.ticket", find_ticket, cookies=("ticket",)),
            Authenticator("fair.secret", find_secretly, headers=("X-Declared",)),
        ]

    @hookimpl
    def cm_register_routes(self):
        return [
            Route("/api/configured", Configured()),
            Route("/feed.ics", Feed()),
            Route("/film", Film()),
            Route("/api/brief", Brief()),
            Route("/api/stalls/{id}", Stall()),
            Route("/api/visits/{id}", Visits()),
            Route("/api/sign-ups/{how}", SignUp()),
            Route("/api/who", Who()),
        ]


@pytest.fixture
def fair(open_app):
    def open_(**config):
        return open_app(FairPlugin, **config)

    return open_


async def test_options_come_from_the_configuration_of_each_site(fair):
    async with fair(plugin_tables={"fair": {"largest": 20, "rate": "2/hour"}}) as app:
        async with client_of(app) as client:
            fits = await client.post("/api/configured", json={"text": "a"})
            assert fits.headers["ratelimit-policy"] == '"route";q=2;w=3600'
            long = await client.post("/api/configured", json={"text": "a" * 20})
            assert (fits.status_code, long.status_code) == (200, 413)
        [info] = [r for r in app.site.routes() if (r.path, r.method) == ("/api/configured", "POST")]
        assert info.max_body == 20


@pytest.mark.parametrize(("seconds", "counted"), [(60, 1), (0, 2)])
async def test_caching_can_be_turned_off_by_configuration(fair, seconds, counted):
    async with fair(plugin_tables={"fair": {"seconds": seconds}}) as app, client_of(app) as client:
        before = Configured.count
        for _ in range(2):
            assert (await client.get("/api/configured")).status_code == 200
        assert Configured.count - before == counted


async def test_content_of_its_own_type_varies_by_nothing(fair):
    async with fair() as app, client_of(app) as client:
        feed = await client.get("/feed.ics")
        assert feed.headers["content-type"] == "text/calendar; charset=utf-8"
        assert "Fête" in feed.text
        assert "vary" not in feed.headers
        assert (await client.get("/api/brief")).headers["vary"] == "Accept-Language, Cookie"


async def test_a_policy_is_merged_by_directive_and_has_the_operators_origins(fair):
    async with fair(content_origins=("https://s3.example.org",)) as app, client_of(app) as client:
        film = (await client.get("/film")).headers["content-security-policy"].split("; ")
        page = (await client.get("/nowhere")).headers["content-security-policy"].split("; ")
    assert "media-src 'self' https://media.example.org https://s3.example.org" in film
    assert "media-src 'self' https://s3.example.org" in page
    assert "img-src 'self' data: https://s3.example.org" in page
    assert "script-src 'self'" in film and "script-src 'self'" in page
    assert {each.split()[0] for each in film} == {each.split()[0] for each in page}


async def test_a_responder_shortens_its_caching(fair):
    async with fair() as app, client_of(app) as client:
        for path, made in (("?for=0", 2), ("?for=0.001", 2), ("?for=1000", 1), ("", 1)):
            before = Brief.made
            for _ in range(2):
                response = await client.get(f"/api/brief{path}")
                await asyncio.sleep(0.01)
            assert Brief.made - before == made, path
            stored = response.headers["cache-control"]
            assert stored == ("no-store" if path == "?for=0" else "no-cache")
            assert ("vary" in response.headers) is (path != "?for=0")


@pytest.mark.parametrize(
    ("badge", "path", "status"),
    [
        ("all", "/api/stalls/s1", 200),
        ("one", "/api/stalls/s1", 200),
        ("one", "/api/stalls/s2", 404),
        ("one", "/api/visits/v1", 200),
        ("one", "/api/visits/v2", 404),
        ("one", "/api/visits/v3", 404),
        ("all", "/api/visits/v3", 200),
        ("none", "/api/stalls/s1", 401),
        ("bad", "/api/stalls/s1", 401),
    ],
)
async def test_a_right_may_hold_for_one_object(fair, badge, path, status):
    async with fair() as app, client_of(app) as client:
        response = await client.get(path, headers={"X-Badge": badge})
        assert response.status_code == status
        if status == 401:
            challenges = response.headers.get_list("www-authenticate")
            assert challenges == ['Bearer realm="changemaker"', "Badge"]


async def test_a_declared_credential_is_looked_at_on_public_pages_and_shares_nothing(fair):
    async with fair() as app, client_of(app) as client:

        async def seen(**headers):
            response = await client.get("/api/who", headers=headers)
            return response.json()["id"] if response.status_code == 200 else response.status_code

        assert await seen() is None
        assert await seen(**{"X-Badge": "all"}) == "u1"
        assert await seen(Cookie="ticket=1") == "ticket"
        assert await seen(**{"X-Badge": "one"}) == "u2"
        assert await seen() is None
        # The strict one refuses, also on a public page; the other leaves the visitor anonymous.
        assert await seen(**{"X-Badge": "bad"}) == 401
        assert await seen(Cookie="ticket=bad") is None


async def test_a_header_that_is_not_declared_identifies_nobody(fair):
    """Else the response to one visitor would be cached for the others."""
    async with fair() as app, client_of(app) as client:
        for headers in ({"X-Secret": "1"}, {}):
            assert (await client.get("/api/who", headers=headers)).json() == {"id": None}


@pytest.mark.parametrize(
    ("how", "status", "code", "detail"),
    [
        ("full", 409, "fair_full", "No place is left."),
        ("over", 404, "fair_fairover", None),
        ("told", 409, "fair_told", "Closed since Monday."),
        ("key", 500, "internal_error", None),
    ],
)
async def test_a_services_exception_is_mapped_once(fair, how, status, code, detail):
    async with fair() as app, client_of(app) as client:
        for _ in range(2):
            response = await client.post(f"/api/sign-ups/{how}")
            problem = response.json()
            found = (response.status_code, problem["code"], problem.get("detail"))
            assert found == (status, code, detail)
    assert SignUp.errors[FairFull].__traceback__ is None


def test_the_api_description_has_them(make_site):
    paths = describe(make_site(FairPlugin))["paths"]
    responses = paths["/api/sign-ups/{how}"]["post"]["responses"]
    assert "fair_full" in responses["409"]["description"]
    assert "fair_told" in responses["409"]["description"]
    assert responses["303"] == {"description": "Sent to the fair's page."}
    security = paths["/api/stalls/{id}"]["get"]["security"]
    assert {"fair.badge": []} in security and {"fair.ticket.ticket": []} in security


# Mistakes, each found when the site is built. ``told`` are words of the report.


class Unmapped(KeyboardInterrupt):
    """Ends the process."""


def resource(responder, **attributes):
    return type("Wrong", (), {"on_get": responder, **attributes})()


@endpoint(public=True)
async def plain(self, req, resp): ...


@endpoint(public=True)
async def takes_slug(self, req, resp, *, slug): ...


@endpoint(public=True)
async def takes_more(self, req, resp, *, id, page): ...


@endpoint(public=True)
async def takes_any(self, req, resp, **params): ...


@endpoint(public=True, max_body=lambda config: config.missing)
async def misconfigured(self, req, resp): ...


@endpoint(public=True, max_body=lambda config: "large")
async def missized(self, req, resp): ...


@endpoint(permission="fair.stall.write", on="stall")
async def misplaced(self, req, resp, *, id): ...


MISTAKES = [
    ("/a/{id}", resource(plain), ["does not take 'id'", "test_options.py, line"]),
    ("/a/{id}", resource(takes_slug), ["does not take 'id'", "takes 'slug'", "resp, *, id)"]),
    ("/a/{id}", resource(takes_more), ["takes 'page', which it does not get"]),
    ("/a", resource(misconfigured), ["AttributeError", "'missing'", "test_options.py, line"]),
    ("/a", resource(missized), ["max_body is a number of bytes", "test_options.py, line"]),
    ("/a/{id}", resource(misplaced), ["on='stall', which is no parameter"]),
    ("/a", resource(plain, errors=[FairFull]), ["errors is no mapping"]),
    ("/a", resource(plain, errors={"FairFull": Conflict()}), ["'FairFull', which is no class"]),
    ("/a", resource(plain, errors={FairFull: 409}), ["maps FairFull to 409"]),
    ("/a", resource(plain, errors={FairFull: Conflict}), ["maps FairFull to <class"]),
    ("/a", resource(plain, errors={Exception: Conflict()}), ["every programming error"]),
    ("/a", resource(plain, errors={Unmapped: Conflict()}), ["never reaches it"]),
    ("/a", resource(plain, errors={NotFound: Conflict()}), ["it is a response already"]),
    ("/a", resource(plain, error={FairFull: Conflict()}), ["Wrong.error", "Call it `errors`"]),
]


@pytest.mark.parametrize(("path", "wrong", "told"), MISTAKES)
def test_a_mistake_is_reported_when_the_site_is_built(make_site, path, wrong, told):
    class WrongPlugin(FairPlugin):
        @hookimpl
        def cm_register_routes(self):
            return [Route(path, wrong)]

    with pytest.raises(BootFailed) as failed:
        make_site(WrongPlugin)
    [problem] = failed.value.problems
    assert problem.plugin == "fair"
    assert all(words in str(problem) for words in told), str(problem)
    assert "/changemaker_core/" not in str(problem)


def test_a_responder_that_takes_any_parameter_fits(make_site):
    class AnyPlugin(FairPlugin):
        @hookimpl
        def cm_register_routes(self):
            return [Route("/a/{id}", resource(takes_any))]

    assert "/a/{id}" in {route.path for route in make_site(AnyPlugin).routes()}


def test_a_table_without_routes_is_never_read(make_site):
    class TablePlugin(Plugin):
        name = "table"
        errors: ClassVar = {FairFull: Conflict()}

    with pytest.raises(BootFailed, match="the plugin has no routes"):
        make_site(TablePlugin)


@pytest.mark.parametrize(
    "wrong",
    [
        Authenticator("fair.a", find_badge),
        Authenticator("fair.a", find_badge, headers=("X Badge",)),
        Authenticator("fair.a", find_badge, cookies="ticket"),  # type: ignore[arg-type]  # the mistake
        Authenticator("fair.a", find_badge, headers=("X-A",), challenge="a\nb"),
    ],
)
def test_an_authenticator_says_what_it_reads(make_site, wrong):
    class WrongPlugin(FairPlugin):
        @hookimpl
        def cm_register_authenticators(self):
            return [wrong]

    with pytest.raises(BootFailed, match=r"authenticator 'fair\.a'"):
        make_site(WrongPlugin)


async def test_pages_have_a_limit_for_one_address(fair):
    """What is cached, the files of pages, and the machine itself are not counted."""
    async with fair(page_rate_limit=3) as app:
        for address, expected in (("192.0.2.1", [200, 200, 200, 429]), ("127.0.0.1", [200] * 4)):
            transport = httpx.ASGITransport(app, client=(address, 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://h.org") as client:
                for _ in range(5):
                    assert (await client.get("/static/core/base.css")).status_code == 200
                    assert (await client.get("/api/brief")).status_code == 200
                statuses = [(await client.get("/film")).status_code for _ in range(4)]
                assert statuses == expected
                sent = await client.post("/film", data={})  # forms count as pages do
                assert sent.status_code == (429 if 429 in expected else 405)
        # From the cache, whoever has used up the limit is still served.
        transport = httpx.ASGITransport(app, client=("192.0.2.1", 1))
        async with httpx.AsyncClient(transport=transport, base_url="http://h.org") as client:
            assert (await client.get("/film")).status_code == 429
            async with httpx.AsyncClient(
                transport=httpx.ASGITransport(app, client=("192.0.2.2", 1)),
                base_url="http://h.org",
            ) as other:
                assert (await other.get("/feed.ics")).status_code == 200
            assert (await client.get("/feed.ics")).status_code == 200
