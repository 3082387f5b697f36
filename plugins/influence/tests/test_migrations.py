"""The tables that the migration makes are those that the models describe."""

from __future__ import annotations

import pytest

from changemaker_core.db import check_models, migrations
from changemaker_core.db.context import Unit, running
from changemaker_influence.plugin import InfluencePlugin


@pytest.fixture
def site(make_site):
    return make_site(InfluencePlugin, plugin_tables={"influence": {"directory": "file"}})


def models():
    return [each for each in InfluencePlugin.contributes if isinstance(each, type)]


def shape(database, model):
    """Columns with types and nullability, and indexes, as the database has them."""
    table = model._meta.table_name
    columns = {
        column.name: (column.data_type.upper(), column.null, column.primary_key)
        for column in database.get_columns(table)
    }
    indexes = {(tuple(index.columns), bool(index.unique)) for index in database.get_indexes(table)}
    keys = {(key.column, key.dest_table) for key in database.get_foreign_keys(table)}
    return columns, indexes, keys


def shapes(database):
    return {model._meta.table_name: shape(database, model) for model in models()}


def test_models_and_migration_agree(site):
    with site.db.engine.exclusive() as database, running(Unit(database)):
        migrated = shapes(database)
        database.drop_tables(models())
        database.create_tables(models())
        assert shapes(database) == migrated
        assert all(columns for columns, _, _ in migrated.values())


def test_the_migration_goes_down_and_up_again(site):
    folder = next(each for each in site.migration_folders() if each.plugin == "influence")
    names = [each.stem for each in sorted(folder.path.glob("0*.py"))]
    undone = migrations.revert_all(site.db, [folder])
    assert [step.name for step in undone] == names[::-1]
    with site.db.engine.shared() as database:
        assert not {t for t in database.get_tables() if t.startswith("influence_c")}
    assert [step.name for step in migrations.apply(site.db, [folder])] == names


def test_models_mean_the_same_on_both_databases():
    assert check_models(models()) == []
