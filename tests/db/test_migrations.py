"""Migrations: a history for each plugin, up and down on both databases, behind and ahead."""

from __future__ import annotations

import pytest

from changemaker_core.db import Database, MigrationFailed, MigrationFolder, migrations
from changemaker_core.db.migrations import CORE, State, Step

FIRST = """
import peewee
from changemaker_core.db import JSONField, Model, UtcField, UUIDField

class Parent(Model):
    id = UUIDField(primary_key=True)
    at = UtcField()
    data = JSONField(default=dict)
    class Meta:
        table_name = "{plugin}_parent"

class Child(Model):
    id = UUIDField(primary_key=True)
    parent = peewee.ForeignKeyField(Parent, on_delete="CASCADE")
    class Meta:
        table_name = "{plugin}_child"

def up(migrator, db):
    db.create_tables([Parent, Child])

def down(migrator, db):
    db.drop_tables([Parent, Child])
"""

SECOND = """
import peewee

def up(migrator, db):
    migrator.migrate(
        migrator.add_column("{plugin}_parent", "title", peewee.TextField(default="")),
        migrator.drop_not_null("{plugin}_parent", "data"),
    )

def down(migrator, db):
    migrator.migrate(migrator.drop_column("{plugin}_parent", "title"))
"""


@pytest.fixture
def folders(tmp_path):
    made = []
    for plugin in ("alpha", "beta"):
        path = tmp_path / plugin
        path.mkdir()
        (path / "0001_initial.py").write_text(FIRST.replace("{plugin}", plugin))
        (path / "0002_title.py").write_text(SECOND.replace("{plugin}", plugin))
        made.append(MigrationFolder(plugin, path))
    return [CORE, *made]


@pytest.fixture
def empty(database_url):
    database = Database.open(database_url)
    yield database
    database.close()


STEPS = [
    *(Step("core", path.stem) for path in sorted(CORE.path.glob("0*.py"))),
    Step("alpha", "0001_initial"),
    Step("alpha", "0002_title"),
    Step("beta", "0001_initial"),
    Step("beta", "0002_title"),
]


def tables(database):
    with database.engine.shared() as raw:
        return {name for name in raw.get_tables() if not name.startswith("sqlite_")}


def test_up_down_up(empty, folders):
    notified = []
    assert migrations.plan(empty, folders) == STEPS
    assert tables(empty) == set()
    assert migrations.apply(empty, folders, notified.append) == STEPS == notified
    assert migrations.state(empty, folders) == State((), ())
    assert migrations.apply(empty, folders) == []
    after = tables(empty)
    assert after >= {"core_job", "core_window", "core_table_version", "core_migrations"}
    assert after >= {"alpha_parent", "beta_child", "alpha_migrations", "beta_migrations"}

    assert migrations.revert_all(empty, folders) == STEPS[::-1]
    histories = {"core_migrations", "alpha_migrations", "beta_migrations"}
    assert tables(empty) == histories
    assert migrations.plan(empty, folders) == STEPS

    assert migrations.apply(empty, folders) == STEPS
    assert tables(empty) == after


def test_revert_takes_back_the_newest_or_down_to_a_name(empty, folders):
    migrations.apply(empty, folders)
    assert migrations.revert(empty, folders[1]) == [Step("alpha", "0002_title")]
    assert migrations.state(empty, folders).behind == (Step("alpha", "0002_title"),)
    migrations.apply(empty, folders)
    both = [Step("alpha", "0002_title"), Step("alpha", "0001_initial")]
    assert migrations.revert(empty, folders[1], down_to="0001_initial") == both
    assert "alpha_parent" not in tables(empty)
    with pytest.raises(MigrationFailed, match="not an applied migration"):
        migrations.revert(empty, folders[1], down_to="0001_initial")


def test_a_database_that_is_ahead_is_reported(empty, folders):
    migrations.apply(empty, folders)
    (folders[2].path / "0002_title.py").unlink()
    assert migrations.state(empty, folders) == State((), (Step("beta", "0002_title"),))


def test_rows_survive_a_table_that_is_rebuilt(empty, folders):
    """SQLite copies a table to change it; children must not go with the old copy."""
    (folders[1].path / "0002_title.py").rename(folders[1].path / "later")
    migrations.apply(empty, folders[:2])
    first, second = "01890a5d-ac96-774b-bcce-b302099a8057", "01890a5d-ac96-774b-bcce-b302099a8058"
    moment = "2026-01-01T00:00:00.000000+00:00"

    def fill(tx):
        execute = tx.database.execute_sql
        mark = tx.database.param
        parent = "INSERT INTO alpha_parent VALUES (?, ?, ?)".replace("?", mark)
        execute(parent, (first, moment, "{}"))
        execute("INSERT INTO alpha_child VALUES (?, ?)".replace("?", mark), (second, first))

    empty.sync.write(fill)
    (folders[1].path / "later").rename(folders[1].path / "0002_title.py")
    migrations.apply(empty, folders[:2])
    with empty.engine.shared() as raw:
        assert raw.execute_sql("SELECT COUNT(*) FROM alpha_child").fetchone() == (1,)


def test_a_migration_that_fails_leaves_what_came_before(empty, folders):
    (folders[1].path / "0003_broken.py").write_text(
        "def up(migrator, db):\n"
        "    db.execute_sql('CREATE TABLE alpha_half (id INTEGER)')\n"
        "    raise ValueError('no good')\n"
    )
    with pytest.raises(MigrationFailed, match=r"alpha.*no good"):
        migrations.apply(empty, folders)
    assert migrations.state(empty, folders).behind == (Step("alpha", "0003_broken"), *STEPS[-2:])
    assert "alpha_half" not in tables(empty)
    assert "alpha_parent" in tables(empty)


def test_core_tables_have_the_columns_of_their_models(empty):
    from changemaker_core.db.sliding_window import Taken

    migrations.apply(empty, [CORE])
    with empty.engine.shared() as raw:
        columns = {column.name for column in raw.get_columns("core_window")}
        jobs = {index.name: index for index in raw.get_indexes("core_job")}
    assert columns == {field.column_name for field in Taken._meta.sorted_fields}
    assert jobs["core_job_due"].columns == ["queue", "due_at"]


def test_applying_notifies_that_anything_may_have_changed(empty, folders):
    notified = []
    empty.changes.subscribe(notified.append)
    migrations.apply(empty, folders)
    assert notified == [None]


def test_writes_work_before_and_after(empty):
    empty.sync.write(lambda tx: tx.database.execute_sql("CREATE TABLE early (id INTEGER)"))
    empty.sync.write(lambda tx: tx.database.execute_sql("INSERT INTO early VALUES (1)"))
    migrations.apply(empty, [CORE])
    empty.sync.write(lambda tx: tx.database.execute_sql("INSERT INTO early VALUES (2)"))
    with empty.engine.shared() as raw:
        assert raw.execute_sql("SELECT COUNT(*) FROM early").fetchone() == (2,)
