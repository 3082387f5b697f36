"""``check_migrations``: the one test that a plugin has for its migrations."""

from __future__ import annotations

import sys

import pytest

from changemaker_core.testing import check_migrations
from changemaker_influence.plugin import InfluencePlugin

PLUGIN = """
import peewee
from changemaker_core import Model, Plugin, UUIDField, hookimpl

class Tree(Model):
    id = UUIDField(primary_key=True)
    FIELDS

    class Meta:
        table_name = "park_tree"

class ParkPlugin(Plugin):
    name = "park"

    @hookimpl
    def cm_register_models(self, site):
        return [Tree]
"""
MIGRATION = """
from changemaker_core import Model, UUIDField

class Tree(Model):
    id = UUIDField(primary_key=True)

    class Meta:
        table_name = "park_tree"

def up(migrator, db):
    db.create_tables([Tree])

def down(migrator, db):
    DOWN
"""


def test_the_migrations_of_influence(make_site):
    check_migrations(make_site(InfluencePlugin))


@pytest.fixture
def park(tmp_path, monkeypatch):
    """``park(fields, down)``: a plugin with one table and its migration."""

    def make(fields, down):
        folder = tmp_path / "parks"
        (folder / "migrations").mkdir(parents=True)
        (folder / "__init__.py").touch()
        (folder / "plugin.py").write_text(PLUGIN.replace("FIELDS", fields))
        (folder / "migrations" / "0001_initial.py").write_text(MIGRATION.replace("DOWN", down))
        monkeypatch.syspath_prepend(str(tmp_path))
        for name in ("parks", "parks.plugin"):
            monkeypatch.delitem(sys.modules, name, raising=False)
        from parks.plugin import ParkPlugin

        return ParkPlugin

    return make


def test_a_plugin_whose_migrations_are_sound(make_site, park):
    check_migrations(make_site(park("pass", "db.drop_tables([Tree])")))


def test_a_column_without_a_migration_is_reported(make_site, park):
    site = make_site(park("height = peewee.IntegerField(null=True)", "db.drop_tables([Tree])"))
    with pytest.raises(AssertionError, match=r"park: .*add park_tree.height.*migrations make park"):
        check_migrations(site)


def test_a_table_that_is_left_behind_is_reported(make_site, park):
    site = make_site(park("pass", "pass"))
    with pytest.raises(AssertionError, match=r"park: when all .* park_tree is left"):
        check_migrations(site)


def test_doctor_reports_what_models_and_migrations_differ_in(make_site, park):
    from changemaker_core.db.checks import check_models

    site = make_site(park("height = peewee.IntegerField(null=True)", "db.drop_tables([Tree])"))
    (finding,) = check_models(site)
    assert (finding.status, "add park_tree.height" in finding.detail) == ("warning", True)
