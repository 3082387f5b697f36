"""Fixtures that give a test a whole site: its database migrated, its app open, a client."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from contextlib import AbstractAsyncContextManager
    from pathlib import Path

    import httpx

    from changemaker_core import Config, Plugin, Site
    from changemaker_core.app import App

MakeConfig = Callable[..., "Config"]
MakeSite = Callable[..., "Site"]
OpenApp = Callable[..., "AbstractAsyncContextManager[App]"]


@pytest.fixture(scope="session")
def cheap_passwords() -> Iterator[None]:
    """Hash passwords at the lowest cost that argon2 has, in this process: 0.1 ms instead of 300.

    The cost is no configuration, so that no site is served with it by accident.
    """
    from argon2 import PasswordHasher

    from changemaker_core.features.accounts import passwords

    with pytest.MonkeyPatch.context() as patch:
        cheap = PasswordHasher(time_cost=1, memory_cost=8, parallelism=1)
        patch.setattr(passwords, "_hasher", cheap)
        yield


@pytest.fixture
def make_config(tmp_path: Path, database_url: str, cheap_passwords: None) -> MakeConfig:
    """``make_config(**overrides)``: a site's configuration in a fresh folder and database."""

    def make(**overrides: Any) -> Config:
        from changemaker_core import Config

        overrides.setdefault("database_url", database_url)
        return Config.for_tests(tmp_path, **overrides)

    return make


@pytest.fixture
def make_site(make_config: MakeConfig) -> Iterator[MakeSite]:
    """``make_site(*plugins, clock=…, **config)``: a migrated site with exactly these plugins."""
    with contextlib.ExitStack() as open_sites:

        def make(*plugins: type[Plugin], clock: Any = None, **overrides: Any) -> Site:
            from changemaker_core import Site, utcnow

            site = Site(make_config(**overrides), plugins, clock=clock or utcnow)
            open_sites.callback(site.close)
            migrate(site)
            return site

        yield make


@pytest.fixture
def open_app(make_config: MakeConfig) -> OpenApp:
    """``async with open_app(*plugins, **config) as app``: an app whose lifespan is running."""

    @contextlib.asynccontextmanager
    async def open_(
        *plugins: type[Plugin], clock: Any = None, **overrides: Any
    ) -> AsyncIterator[App]:
        from changemaker_core import utcnow
        from changemaker_core.app import create_app

        app = create_app(make_config(**overrides), plugins, clock=clock or utcnow)
        migrate(app.site)
        async with app.lifespan():
            yield app

    return open_


def client_of(app: App, **options: Any) -> httpx.AsyncClient:
    """An HTTP client that speaks to ``app`` in this process, as a visitor at 127.0.0.1."""
    import httpx

    asgi: Any = app  # httpx types a scope as any mutable mapping; ours is a dict, as servers give
    transport = httpx.ASGITransport(app=asgi, raise_app_exceptions=False)
    return httpx.AsyncClient(transport=transport, base_url="http://127.0.0.1:4000", **options)


@contextlib.asynccontextmanager
async def signed_in(app: App, role: str, **options: Any) -> AsyncIterator[httpx.AsyncClient]:
    """A client of a new user who has ``role`` and has signed in."""
    from changemaker_core import new_id
    from changemaker_core.features.accounts.api import create_user

    email, password = f"{new_id()}@example.org", "wide river, slow boat"

    def create() -> object:
        return create_user(app.site, email=email, name="Sam Sample", role=role, password=password)

    await asyncio.to_thread(create)
    async with client_of(app, **options) as client:
        response = await client.post("/api/auth/login", json={"email": email, "password": password})
        client.headers["Authorization"] = (
            f"Bearer {response.raise_for_status().json()['access_token']}"
        )
        yield client


async def run_jobs(site: Site) -> int:
    """Run every job that is due, also by its schedule, as the job runner would.

    Return how many were run, without those that a schedule enqueued.
    """
    from changemaker_core.jobs import Executor
    from changemaker_core.jobs.schedule import Scheduler

    def run() -> int:
        scheduled = Scheduler(site).enqueue_due()
        return Executor(site).run_due() - scheduled

    return await asyncio.to_thread(run)


def migrate(site: Site) -> None:
    """Bring the site's database up to date."""
    from changemaker_core.testing.fixtures_database import migrate_database

    migrate_database(site.db, site.config.database_url, site.migration_folders())
