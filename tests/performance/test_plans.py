"""Every compiled query, of core and of the installed plugins, finds its rows by an index.

Queries are found by looking through the modules, so a new one is tested without being named here.
"""

from __future__ import annotations

import importlib
import itertools
import pkgutil
import re
from datetime import datetime  # noqa: TC003  # queries read it
from importlib.metadata import entry_points
from typing import TYPE_CHECKING, Any

import peewee
import pytest

import changemaker_core
from changemaker_core import Model, Query, Site, compiled, new_id, utcnow
from changemaker_core.db.reads import Compiled
from changemaker_core.testing.fixtures.site import migrate

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from changemaker_core import Tx
    from changemaker_core.testing.fixtures.site import MakeConfig

#: What may look at all rows, or sort them, and why.
ACCEPTED = {
    "changemaker_core.features.accounts.browser.queries.messages_of": "sorts 20 at most",
    "changemaker_core.features.accounts.keys.queries.keys_of_user": "sorts 50 at most",
    "changemaker_core.features.accounts.roles.queries.users_by_granted_role": "one for each role",
    "changemaker_core.features.accounts.sessions.queries.sessions_of_user": "sorts 100 at most",
    "changemaker_core.features.audit.queries.orphans": "a verification reads the whole log",
    "changemaker_core.jobs.held_queues.hold.waiting_jobs": "groups what waits in a held queue",
    "changemaker_core.jobs.queries.jobs": "operators ask it; each job would pay for an index",
    "changemaker_core.jobs.queries.jobs_of": "the same, whose order the list adds",
    "changemaker_influence.campaigns.queries.campaign_rows": "the list adds its order, by an index",
    "changemaker_influence.campaigns.queries.custom_recipients": "sorts a campaign's 100 at most",
    "changemaker_influence.campaigns.queries.cover_photos": "a daily job reads them all",
    "changemaker_influence.directories.queries.latest_entries": "doctor reads a thousand",
    "changemaker_influence.directories.queries.lookup_counts": "a row for each kind of source",
    "changemaker_influence.emails.queries.states_of_action": "sorts 30 at most",
    "changemaker_influence.letters.queries.letters": "a list, which is read in pages by its order",
    "changemaker_influence.letters.queries.letters_of_campaign": "the same",
}
#: The same for a query of which only some variants may: the argument with which they are accepted.
ACCEPTED_WITH = {
    "changemaker_core.features.accounts.keys.queries.keys_with_owners": ("email", "sorts 50"),
    "changemaker_core.features.accounts.keys.queries.all_keys": ("q", "reads each name"),
    "changemaker_core.features.accounts.users.queries.team_members": ("q", "reads each name"),
    "changemaker_core.features.accounts.users.queries.team_users": ("text", "reads each name"),
    "changemaker_influence.campaigns.queries.campaigns": ("text", "a search reads each title"),
}
#: Rooms without queries that need more than a site does, such as a browser.
_LEFT_OUT = ("changemaker_core.testing", "changemaker_core.cli")
#: In SQLite's plan: every row of a table or index is visited, or all are sorted. The values of a
#: bound list are all visited.
_SQLITE = re.compile(
    r"SCAN (?!\(subquery|counted|CONSTANT|json_each)(?!.* USING .*INDEX)|TEMP B-TREE"
)
#: The same in PostgreSQL's.
_POSTGRESQL = re.compile(r"Seq Scan|Sort  \(")


def _modules(package: ModuleType) -> Iterator[ModuleType]:
    yield package
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if found.name.endswith("__main__") or ".migrations" in found.name:
            continue
        if not found.name.startswith((*_LEFT_OUT, "changemaker_core.shared")):
            yield importlib.import_module(found.name)


def _queries() -> dict[str, Compiled[Any, Any]]:
    plugins = entry_points(group="changemaker.plugins")
    names = {entry.module.partition(".")[0] for entry in plugins}
    packages = [changemaker_core, *map(importlib.import_module, sorted(names))]
    values = (vars(module) for package in packages for module in _modules(package))
    found = itertools.chain.from_iterable(each.values() for each in values)
    return {each.name: each for each in found if isinstance(each, Compiled)}


def _variants(query: Compiled[Any, Any]) -> Iterator[dict[str, Any]]:
    """Arguments for each combination of those that may be left out."""
    choices = []
    for name, parameter in query._signature.parameters.items():
        if name in query._shape:
            default = parameter.default
            choices.append([default, not default] if isinstance(default, bool) else [default])
        else:
            value = _value(str(parameter.annotation))
            choices.append([None, value] if parameter.default is None else [value])
    for values in itertools.product(*choices):
        yield dict(zip(query._signature.parameters, values, strict=True))


def _value(annotation: str) -> Any:
    if "list" in annotation or "Sequence" in annotation or "Collection" in annotation:
        return [new_id()]
    if "datetime" in annotation:
        return utcnow()
    return 10 if "int" in annotation else new_id()


def _problems(site: Site, query: Compiled[Any, Any]) -> list[str]:
    found = []
    slow_with, _ = ACCEPTED_WITH.get(query.name, (None, ""))
    for arguments in _variants(query):
        if slow_with is not None and arguments[slow_with] is not None:
            continue
        bound = query(**arguments)
        prepared = [bound.prepare(site.db.dialect)]
        if "offset" in arguments:  # a list, which is counted, too
            prepared.append(bound.prepare_count(site.db.dialect, 10_000))
        for plan, values in prepared:
            explained = site.db.sync.write(_explain, plan.sql, values)
            wrong = _SQLITE if site.db.dialect == "sqlite" else _POSTGRESQL
            given = sorted(name for name, value in arguments.items() if value is not None)
            found += [f"{query.name}{given}: {line}" for line in explained if wrong.search(line)]
    return found


def _explain(tx: Tx, sql: str, values: list[Any]) -> list[str]:
    if tx.dialect == "sqlite":
        return [row[3] for row in tx.database.execute_sql(f"EXPLAIN QUERY PLAN {sql}", values)]
    # Of an empty table PostgreSQL would rather read the whole: what is left then has no index.
    tx.database.execute_sql("SET LOCAL enable_seqscan = off")
    tx.database.execute_sql("SET LOCAL enable_sort = off")
    tx.database.execute_sql("SET LOCAL enable_incremental_sort = off")
    return [line for (line,) in tx.database.execute_sql(f"EXPLAIN {sql}", values)]


@pytest.fixture
def site(make_config: MakeConfig) -> Iterator[Site]:
    """A site with every installed plugin."""
    site = Site(make_config())
    migrate(site)
    yield site
    site.close()


def test_every_query_uses_an_index(site: Site) -> None:
    queries = {name: query for name, query in _queries().items() if name not in ACCEPTED}
    assert len(queries) > 10
    found = [problem for query in queries.values() for problem in _problems(site, query)]
    assert not found, "\n".join(found)


def test_what_may_be_slow_still_exists() -> None:
    assert (ACCEPTED.keys() | ACCEPTED_WITH.keys()) - _queries().keys() == set()


class _Thing(Model):
    id = peewee.IntegerField(primary_key=True)
    slug = peewee.CharField(unique=True)
    name = peewee.CharField()

    class Meta:
        table_name = "performance_thing"


@compiled(str)
def _named(name: str) -> Query:
    return _Thing.select(_Thing.slug).where(_Thing.name == name)


@compiled(str)
def _by_name(limit: int = 5, offset: int = 0) -> Query:
    return _Thing.select(_Thing.slug).order_by(_Thing.name).limit(limit).offset(offset)


@compiled(str)
def _by_slug(slug: str, since: datetime | None = None) -> Query:
    return _Thing.select(_Thing.name).where(_Thing.slug == slug)


def test_queries_without_an_index_are_found(site: Site) -> None:
    site.db.sync.write(lambda tx: tx.database.create_tables([_Thing]))
    try:
        assert _problems(site, _named) != []
        assert _problems(site, _by_name) != []
        assert _problems(site, _by_slug) == []
    finally:
        site.db.sync.write(lambda tx: tx.database.drop_tables([_Thing]))
