"""Who is measured: the product as it is installed, and its peers."""

from __future__ import annotations

import contextlib
import shutil
import sys
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Literal
from urllib.request import Request, urlopen

import msgspec

from benchmarks import data, places, servers
from changemaker_core.testing.server import OperatedSite

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from benchmarks.databases import Postgresql

Dialect = Literal["sqlite", "postgresql"]
_PYTHON = places.cache() / "python" / "bin"
_GRANIAN = places.cache() / "granian"


@dataclass(frozen=True, slots=True, kw_only=True)
class Contender:
    """A server that can be measured. ``needs`` is the group that must be installed for it.

    In ``command``, ``{site}`` and ``{port}`` are replaced. ``warm_up`` is in seconds.
    """

    name: str
    dialect: Dialect
    command: tuple[str, ...]
    folder: Path = places.HERE
    needs: str | None = None
    warm_up: int = 1
    environment: Mapping[str, str] = field(default_factory=dict)
    get: str = "/api/public/campaigns/{slug}"
    list: str = "/api/public/campaigns?limit=50"

    @property
    def is_ours(self) -> bool:
        """Whether it is the product."""
        return self.needs in (None, "granian")


def node(folder: str, name: str, dialect: Dialect, **environment: str) -> Contender:
    """A peer on Node: compilers of JavaScript need a while to warm up."""
    return Contender(
        name=name,
        dialect=dialect,
        command=("node", "server.mjs"),
        folder=places.cache() / "peers" / folder,
        needs="node",
        warm_up=5,
        environment=environment,
    )


def python(folder: str, name: str, dialect: Dialect, *command: str) -> Contender:
    """A peer in Python."""
    program, *rest = command
    return Contender(
        name=name,
        dialect=dialect,
        command=(str(_PYTHON / program), *rest),
        folder=places.PEERS / folder,
        needs="python",
    )


def ours(name: str, dialect: Dialect, *options: str, **environment: str) -> Contender:
    """The product, as its README starts it: every installed plugin, and all that it does."""
    serve = (str(places.CHANGEMAKER), "--site", "{site}", "serve", "--port", "{port}")
    return Contender(
        name=name, dialect=dialect, command=(*serve, *options), environment=environment
    )


_FASTAPI = ("uvicorn", "app:app", "--port", "{port}", "--no-access-log", "--log-level", "warning")
_DJANGO = (
    *("gunicorn", "app:application", "--bind", "127.0.0.1:{port}", "--workers", "1"),
    *("--worker-class", "gthread", "--threads", "2", "--keep-alive", "75"),
)

OURS = ours("Changemaker", "sqlite")
OURS_UNCACHED = ours("Changemaker, cache off", "sqlite", CHANGEMAKER_CACHE_BYTES="0")
OURS_POSTGRESQL = ours("Changemaker", "postgresql")
OURS_POSTGRESQL_UNCACHED = ours("Changemaker, cache off", "postgresql", CHANGEMAKER_CACHE_BYTES="0")
OURS_TWO = ours("Changemaker, two processes", "sqlite", "--workers", "2")
OURS_GRANIAN = Contender(
    name="Changemaker on granian",
    dialect="sqlite",
    command=(
        *(sys.executable, "-m", "granian", "--interface", "asgi", "--host", "127.0.0.1"),
        *("--port", "{port}", "--workers", "1", "--loop", "uvloop", "--no-ws"),
        "benchmarks.on_granian:app",
    ),
    folder=places.ROOT,
    needs="granian",
    environment={"PYTHONPATH": str(_GRANIAN), "CHANGEMAKER_SITE": "{site}"},
)

FASTIFY = node("fastify-better-sqlite3", "Fastify 5 + better-sqlite3", "sqlite")
FASTIFY_NORMAL = node(
    "fastify-better-sqlite3",
    "Fastify 5 + better-sqlite3, synchronous=NORMAL",
    "sqlite",
    SYNCHRONOUS="NORMAL",
)
EXPRESS = node("express-better-sqlite3", "Express 5 + better-sqlite3", "sqlite")
PRISMA = node("express-prisma", "Express 5 + Prisma 7", "sqlite")
FASTAPI = python("fastapi-sqlalchemy", "FastAPI + SQLAlchemy async", "sqlite", *_FASTAPI)
DJANGO = python("django", "Django ORM", "sqlite", *_DJANGO)
STRAPI = Contender(
    name="Strapi 5",
    dialect="sqlite",
    command=("node", "node_modules/.bin/strapi", "start"),
    folder=places.cache() / "peers" / "strapi",
    needs="strapi",
    warm_up=5,
    get="/api/campaigns?filters[slug][$eq]={slug}",
    list="/api/campaigns?pagination[pageSize]=50&sort=id:desc",
)
DRIZZLE = node("fastify-drizzle-pg", "Fastify 5 + drizzle + pg", "postgresql")
PRISMA_POSTGRESQL = node("express-prisma", "Express 5 + Prisma 7", "postgresql")
FASTAPI_POSTGRESQL = replace(FASTAPI, dialect="postgresql")
DJANGO_POSTGRESQL = replace(DJANGO, dialect="postgresql")


@dataclass(slots=True)
class Running:
    """A running contender. ``token`` is for the product's own API."""

    contender: Contender
    server: servers.Server
    rows: list[data.Row]
    site: Path | None = None
    token: str | None = None

    @property
    def get_paths(self) -> list[str]:
        """The address of each campaign."""
        return [self.contender.get.replace("{slug}", slug) for slug in data.slugs(self.rows)]


class Data:
    """The databases of an item: the product's, and copies of its rows for its peers."""

    def __init__(self, postgresql: Postgresql | None) -> None:
        self._postgresql = postgresql
        self._rows: dict[Dialect, list[data.Row]] = {}
        self._sites: dict[Dialect, OperatedSite] = {}
        self._copies: dict[str, dict[str, str]] = {}

    def site(self, dialect: Dialect) -> OperatedSite:
        """The product's site on this kind of database, made by its own commands."""
        if dialect not in self._sites:
            folder = places.made("sites") / dialect
            shutil.rmtree(folder, ignore_errors=True)
            site = self._sites[dialect] = OperatedSite(folder)
            options = ["--organisation", "Benchmarks"]
            if dialect == "postgresql":
                options += ["--database-url", self._server().database()]
            site.make(*options)
            self._rows[dialect] = data.seed(folder)
        return self._sites[dialect]

    def rows(self, dialect: Dialect) -> list[data.Row]:
        """Rows of the product's database, which all others copy."""
        self.site(dialect)
        return self._rows[dialect]

    @contextlib.contextmanager
    def run(
        self, contender: Contender, *, cores: str | None = None, pause: float = 0.1
    ) -> Iterator[Running]:
        """Serve by ``contender``; see ``servers.running``."""
        dialect, rows = contender.dialect, self.rows(contender.dialect)
        environment = dict(contender.environment)
        site = self.site(dialect) if contender.is_ours else None
        folder = str(site.folder) if site else ""
        if site is None:
            key = f"{contender.name} {dialect}"
            if key not in self._copies:
                self._copies[key] = self._copy(contender, rows)
            environment |= self._copies[key]
        command = [word.replace("{site}", folder) for word in contender.command]
        environment = {k: v.replace("{site}", folder) for k, v in environment.items()}
        slug = next(data.slugs(rows))
        probe = contender.get.replace("{slug}", slug)
        label = f"{contender.name} {dialect}"
        with servers.running(
            label,
            command,
            environment,
            probe=probe,
            cwd=contender.folder,
            cores=cores,
            pause=pause,
        ) as server:
            running = Running(contender, server, rows, site.folder if site else None)
            if site is not None:
                running.token = login(server.address, site)
            yield running

    def _copy(self, contender: Contender, rows: list[data.Row]) -> dict[str, str]:
        if contender.dialect == "postgresql":
            url = self._server().database()
            data.postgresql_copy(url, rows)
            return {"DATABASE_URL": url}
        name = "".join(c if c.isalnum() else "-" for c in contender.name)
        path = places.made("databases") / f"{name}.db"
        if contender is STRAPI:
            for old in path.parent.glob(path.name + "*"):
                old.unlink()
            seeds = places.made("databases") / "strapi.jsonl"
            data.strapi_seeds(seeds, rows)
            return {"DATABASE_PATH": str(path), "SEEDS": str(seeds)}
        data.sqlite_copy(path, rows)
        return {"DATABASE_PATH": str(path)}

    def _server(self) -> Postgresql:
        if self._postgresql is None:
            raise RuntimeError("this item needs PostgreSQL, which is not installed")
        return self._postgresql


def login(address: str, site: OperatedSite) -> str:
    """A token of the site's administrator for its API."""
    body = {"email": site.admin_email, "password": site.admin_password}
    headers = {"Content-Type": "application/json"}
    login = f"{address}/api/auth/login"
    with urlopen(Request(login, msgspec.json.encode(body), headers)) as response:  # noqa: S310
        token: str = msgspec.json.decode(response.read())["access_token"]
    return token
