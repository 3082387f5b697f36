"""``migrate``, and that nothing is served from a database that does not fit the code."""

from __future__ import annotations

import json
import sqlite3
from typing import Any

import peewee
import pytest

from changemaker_core import Model, Plugin, UUIDField, new_id
from changemaker_core.server.loading import warn_of_models


def _change_history(site: Any, statement: str) -> None:
    with sqlite3.connect(site.folder / "site.db") as database:
        database.execute(statement)
    database.close()


@pytest.fixture
def behind(site: Any) -> Any:
    """A site whose database has not seen any of core's migrations yet."""
    (site.folder / "site.db").unlink()
    return site


def test_a_new_site_is_up_to_date(changemaker: Any) -> None:
    done = changemaker("migrate")
    assert (done.exit_code, done.stdout) == (0, "The database is up to date.\n")


def test_the_plan_changes_nothing(changemaker: Any, behind: Any) -> None:
    done = changemaker("migrate", "--plan", "--json")
    steps = json.loads(done.stdout)
    assert {"core", "accounts"} <= {step["plugin"] for step in steps}
    assert changemaker("migrate", "--plan", "--json").stdout == done.stdout


def test_migrate_applies_the_plan_once(changemaker: Any, behind: Any) -> None:
    planned = json.loads(changemaker("migrate", "--plan", "--json").stdout)
    applied = json.loads(changemaker("migrate", "--json").stdout)
    assert applied == planned != []
    assert json.loads(changemaker("migrate", "--json").stdout) == []


def test_back_and_to_a_migration(changemaker: Any) -> None:
    asked = changemaker("migrate", "--back", "accounts:0")
    assert asked.exit_code == 1
    assert "Undo accounts 0" in asked.stderr
    undone = changemaker("migrate", "--back", "accounts:0", "--yes")
    assert "undid accounts 0001_initial\n" in undone.stdout
    planned = changemaker("migrate", "--plan", "--to", "accounts:1")
    assert planned.stdout == "would apply accounts 0001_initial\n"
    wrong = changemaker("migrate", "--to", "accounts")
    assert wrong.exit_code == 2
    assert "'accounts' is not PLUGIN:NUMBER, such as events:2" in wrong.stderr


def test_migrate_refuses_a_database_that_is_ahead(changemaker: Any, site: Any) -> None:
    _change_history(site, "INSERT INTO core_migrations (name, applied) VALUES ('0999_later', '')")
    done = changemaker("migrate")
    assert done.exit_code == 1
    assert "The database is ahead of the installed code: core 0999_later." in done.stderr


def test_serve_refuses_a_database_that_is_behind(cli: Any, behind: Any) -> None:
    done = cli.run("serve", "--port", 0, CHANGEMAKER_SITE=str(behind.folder))
    assert done.returncode == 1
    assert "behind" in done.stderr
    assert f"changemaker --site {behind.folder} migrate" in done.stderr
    assert done.stderr.count("Error") == 1


def test_serve_refuses_a_database_that_is_ahead(cli: Any, site: Any) -> None:
    later = "UPDATE core_migrations SET name = '0009_later' WHERE name = '0001_initial'"
    _change_history(site, later)
    done = cli.run("serve", "--port", 0, CHANGEMAKER_SITE=str(site.folder))
    assert done.returncode == 1
    assert "ahead" in done.stderr


def test_a_folder_without_a_site_is_named(cli: Any) -> None:
    done = cli.run("migrate")
    assert done.returncode == 1
    assert "contains no site" in done.stderr
    assert "changemaker init" in done.stderr


def test_every_mistake_in_the_configuration_is_said_at_once(cli: Any, site: Any) -> None:
    with (site.folder / "changemaker.toml").open("a") as file:
        file.write("\nbase_ulr = 1\n")
    done = cli.run("migrate", "--site", site.folder, CHANGEMAKER_DEVELOPMENT="perhaps")
    assert done.returncode == 1
    assert "base_ulr" in done.stderr
    assert "CHANGEMAKER_DEVELOPMENT" in done.stderr
    assert "Traceback" not in done.stderr


class Park(Model):
    id = UUIDField(primary_key=True, default=new_id)
    trees = peewee.IntegerField(default=0)

    class Meta:
        table_name = "parks_park"


class ParksPlugin(Plugin):
    name = "parks"
    contributes = (Park,)


@pytest.mark.database("sqlite")
def test_a_column_without_a_migration_is_logged_in_development(make_site: Any, caplog: Any) -> None:
    site = make_site(ParksPlugin)
    warn_of_models(site)
    site.db.sync.write(lambda tx: tx.database.execute_sql("CREATE TABLE parks_park (id TEXT)"))
    warn_of_models(site)
    table, column = (record.getMessage() for record in caplog.records)
    assert table.startswith("parks: the table parks_park has no migration: run `changemaker migr")
    assert column.startswith("parks: Park.trees of the table parks_park has no migration")


@pytest.mark.parametrize("command", ["list", "make"])
def test_translations_are_of_a_plugin_and_a_language(changemaker: Any, command: str) -> None:
    unknown = changemaker("translations", command, "influense", "fr")
    assert unknown.exit_code == 1
    assert "No plugin called 'influense' is loaded" in unknown.stderr


def test_migrations_make_and_check(changemaker: Any) -> None:
    checked = changemaker("migrations", "check")
    assert (checked.exit_code, checked.stdout) == (0, "Migrations and models agree.\n")
    made = changemaker("migrations", "make", "accounts")
    assert (made.exit_code, made.stdout) == (0, "")
    assert "There is nothing to write" in made.stderr
    unknown = changemaker("migrations", "make", "acounts")
    assert unknown.exit_code == 1
    assert "No plugin called 'acounts' is loaded. Did you mean 'accounts'?" in unknown.stderr
