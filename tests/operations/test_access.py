"""Metrics and the health of a site in detail are for operators."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import httpx
import pytest

from changemaker_core import HealthCheck, Plugin, Role, hookimpl
from changemaker_core.config import Secret
from changemaker_core.testing import client_of, signed_in

if TYPE_CHECKING:
    from collections.abc import Mapping

pytestmark = pytest.mark.database("sqlite")

TOKEN = "a token for Prometheus".replace(" ", "-")
PUBLIC = {"base_url": "https://act.example.org"}
BEHIND_NGINX = {**PUBLIC, "trusted_proxies": ("127.0.0.1",)}
BALANCED = {**PUBLIC, "trusted_proxies": ("10.0.0.2",), "metrics_access": ("10.0.0.0/8",)}


class WatchedPlugin(Plugin):
    """A role for those who watch a site, and a check that fails with a password in its text."""

    name = "watched"

    @hookimpl
    def cm_register_roles(self) -> list[Role]:
        return [
            Role("WATCHER", "Watches", frozenset({"operations.health.read"})),
            Role("GUEST", "Looks in", frozenset()),
        ]

    @hookimpl
    def operations_register_health_checks(self) -> list[HealthCheck]:
        async def check(site: Any) -> None:
            raise ConnectionError("postgres://user:hunter2@db is away")

        return [HealthCheck("watched.away", check, critical=False)]


async def ask(app: Any, path: str, client: str, headers: Mapping[str, Any]) -> httpx.Response:
    """Send a request from an address."""
    transport = httpx.ASGITransport(app=app, client=(client, 50_000))
    async with httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:4000") as visitor:
        return await visitor.get(path, headers=headers)


@pytest.mark.parametrize(
    ("config", "client", "headers", "allowed"),
    [
        # On this machine, and from elsewhere.
        ({}, "127.0.0.1", {}, True),
        ({}, "::1", {}, True),
        ({}, "203.0.113.5", {}, False),
        ({"metrics_access": ("10.0.0.0/8",)}, "10.1.2.3", {}, True),
        ({"metrics_access": ("10.0.0.0/8",)}, "127.0.0.1", {}, False),
        ({"metrics_access": ()}, "127.0.0.1", {}, False),
        # With a token, from anywhere.
        ({"metrics_token": TOKEN}, "203.0.113.5", {"Authorization": f"Bearer {TOKEN}"}, True),
        ({"metrics_token": TOKEN}, "203.0.113.5", {"Authorization": f"bearer  {TOKEN}"}, True),
        ({"metrics_token": TOKEN}, "203.0.113.5", {"Authorization": f"Bearer {TOKEN}x"}, False),
        ({"metrics_token": TOKEN}, "203.0.113.5", {"Authorization": f"Basic {TOKEN}"}, False),
        ({"metrics_token": TOKEN}, "203.0.113.5", {"Authorization": "Bearer é"}, False),
        ({}, "203.0.113.5", {"Authorization": "Bearer "}, False),
        # (!) Behind a proxy that is trusted: a visitor; one who pretends; addresses that are none;
        # a proxy that passes on what the visitor wrote; one that says nothing of the visitor.
        (BEHIND_NGINX, "127.0.0.1", {"X-Forwarded-For": "203.0.113.5"}, False),
        (BEHIND_NGINX, "127.0.0.1", {"X-Forwarded-For": "127.0.0.1, 203.0.113.5"}, False),
        (BEHIND_NGINX, "127.0.0.1", {"X-Forwarded-For": "203.0.113.9, unix:"}, False),
        (BEHIND_NGINX, "127.0.0.1", {"X-Forwarded-For": "unix:"}, False),
        (BEHIND_NGINX, "127.0.0.1", {"X-Forwarded-For": "203.0.113.9, unknown"}, False),
        (BEHIND_NGINX, "127.0.0.1", {"X-Forwarded-For": ""}, False),
        (BEHIND_NGINX, "127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, False),
        (BEHIND_NGINX, "127.0.0.1", {"X-Forwarded-For": "127.0.0.9"}, False),
        (BEHIND_NGINX, "127.0.0.1", {"X-Forwarded-For": "::1"}, False),
        (BEHIND_NGINX, "127.0.0.1", {"X-Real-IP": "127.0.0.1"}, False),
        (BEHIND_NGINX, "127.0.0.1", {"Host": "act.example.org"}, False),
        (BEHIND_NGINX, "127.0.0.1", {}, False),
        (
            {**BEHIND_NGINX, "metrics_token": TOKEN},
            "127.0.0.1",
            {"Authorization": f"Bearer {TOKEN}"},
            True,
        ),
        # (!) The same where the proxy's own address is in a network of operators.
        (BALANCED, "10.1.2.3", {}, True),
        (BALANCED, "10.0.0.2", {"X-Forwarded-For": "10.1.2.3"}, True),
        (BALANCED, "10.0.0.2", {"X-Forwarded-For": "203.0.113.5"}, False),
        (BALANCED, "10.0.0.2", {"X-Forwarded-For": "unknown"}, False),
        (BALANCED, "10.0.0.2", {}, False),
        (BALANCED | {"metrics_access": ("127.0.0.1",)}, "127.0.0.1", {}, True),
        (
            BALANCED | {"metrics_access": ("127.0.0.1",)},
            "10.0.0.2",
            {"X-Forwarded-For": "127.0.0.1"},
            False,
        ),
        # (!) Behind one that is not: whoever it is, the address is that of the proxy.
        ({}, "127.0.0.1", {"X-Forwarded-For": "127.0.0.1"}, False),
        ({}, "127.0.0.1", {"X-Real-IP": "127.0.0.1"}, False),
        ({}, "127.0.0.1", {"Via": "1.1 front"}, False),
        ({}, "127.0.0.1", {"Forwarded": "for=127.0.0.1"}, False),
        ({}, "127.0.0.1", {"Host": "act.example.org"}, False),
        ({"metrics_access": ("10.0.0.0/8",)}, "10.1.2.3", {"X-Real-IP": "10.1.2.4"}, False),
        # (!) nginx 1.29.7 adds nothing, speaks HTTP/1.1, and sends its own name of the site.
        (PUBLIC, "127.0.0.1", {}, False),
        ({"base_url": "http://act.example.org"}, "127.0.0.1", {}, False),
        ({"base_url": "http://act.lan"}, "127.0.0.1", {}, False),
        ({"base_url": "http://192.168.1.5"}, "127.0.0.1", {}, False),
        ({"base_url": "http://localhost:4000"}, "127.0.0.1", {}, True),
        ({"base_url": "http://[::1]:4000"}, "::1", {}, True),
    ],
)
async def test_who_sees_metrics_and_details(
    open_app: Any, config: dict[str, Any], client: str, headers: dict[str, str], allowed: bool
) -> None:
    if "metrics_token" in config:
        config = config | {"metrics_token": Secret(config["metrics_token"])}
    sent = {name: value.encode() for name, value in headers.items()}
    async with open_app(**config) as app:
        metrics = await ask(app, "/api/metrics", client, sent)
        health = await ask(app, "/api/health", client, sent)
    assert metrics.status_code == (200 if allowed else 403)
    assert ("cm_jobs" in metrics.text) is allowed
    assert health.status_code == 200
    assert (health.json() == {"status": "ok"}) is not allowed


@pytest.mark.parametrize("client", ["127.0.0.1", "10.1.2.3"])
async def test_who_speaks_http_1_0_is_a_proxy(open_app: Any, client: str) -> None:
    """(!) nginx does, until 1.29.7, where nothing else is configured."""
    async with open_app(metrics_access=("127.0.0.1", "10.0.0.0/8")) as app:

        async def older(scope: Any, receive: Any, send: Any) -> None:
            await app({**scope, "http_version": "1.0"}, receive, send)

        assert (await ask(app, "/api/metrics", client, {})).status_code == 200
        assert (await ask(older, "/api/metrics", client, {})).status_code == 403


async def test_who_has_the_permission_sees_them_from_anywhere(open_app: Any) -> None:
    async with open_app(WatchedPlugin, metrics_access=()) as app:
        async with signed_in(app, "WATCHER") as watcher:
            headers = {"Authorization": watcher.headers["Authorization"]}
            assert (await ask(app, "/api/metrics", "203.0.113.5", headers)).status_code == 200
        async with signed_in(app, "GUEST") as user:
            headers = {"Authorization": user.headers["Authorization"]}
            assert (await ask(app, "/api/metrics", "203.0.113.5", headers)).status_code == 403


async def test_operators_see_why_a_check_fails_without_a_password(open_app: Any) -> None:
    async with open_app(WatchedPlugin) as app, client_of(app) as client:
        health = (await client.get("/api/health")).json()
    assert health["version"] and health["uptime_seconds"] >= 0
    assert health["memory_bytes"] > 1_000_000
    [away] = [check for check in health["checks"] if check["name"] == "watched.away"]
    assert away["status"] == "warning"
    assert away["detail"] == "ConnectionError: postgres://…@db is away"
