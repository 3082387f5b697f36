"""Migrations: a history for each plugin, up and down on both databases, behind and ahead."""

from __future__ import annotations

import pytest

from changemaker_core.db import Database, MigrationFailed, MigrationFolder, migrations
from changemaker_core.db.errors import DatabaseAhead, MigrationsRefused
from changemaker_core.db.migrations import CORE, State, Step, Target, folder_problems

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
    assert migrations.plan_back(empty, folders[1], 0) == both
    assert migrations.revert(empty, folders[1], 1) == both[:1]
    assert migrations.revert(empty, folders[1], 0) == both[1:]
    assert "alpha_parent" not in tables(empty)
    assert migrations.revert(empty, folders[1]) == migrations.revert(empty, folders[1], 0) == []
    with pytest.raises(MigrationsRefused, match=r"alpha has no migration 0007: it has 2, in"):
        migrations.revert(empty, folders[1], 7)


def test_apply_ends_at_a_target(empty, folders):
    to = Target("alpha", 1)
    assert migrations.plan(empty, folders, to) == STEPS[:-3]
    assert migrations.apply(empty, folders, to=to) == STEPS[:-3]
    assert migrations.apply(empty, folders, to=to) == []
    assert migrations.apply(empty, folders) == STEPS[-3:]
    with pytest.raises(MigrationsRefused, match=r"already has alpha 0002_title.*--back alpha:1"):
        migrations.apply(empty, folders, to=to)
    with pytest.raises(MigrationsRefused, match=r"No plugin 'gamma' has migrations"):
        migrations.apply(empty, folders, to=Target("gamma", 1))


def test_a_database_that_is_ahead_is_reported(empty, folders):
    migrations.apply(empty, folders)
    (folders[2].path / "0002_title.py").unlink()
    assert migrations.state(empty, folders) == State((), (Step("beta", "0002_title"),))
    for act in (migrations.plan, migrations.apply):
        with pytest.raises(DatabaseAhead, match=r"ahead of the installed code: beta 0002_title"):
            act(empty, folders)
    with pytest.raises(DatabaseAhead, match=r"beta 0002_title"):
        migrations.revert(empty, folders[2])


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
        "def down(migrator, db): ...\n"
    )
    with pytest.raises(
        MigrationFailed, match=r"alpha 0003_broken failed at .*: no good"
    ) as failure:
        migrations.apply(empty, folders)
    assert (failure.value.path, failure.value.line) == (folders[1].path / "0003_broken.py", 3)
    assert f"{folders[1].path / '0003_broken.py'}, line 3: ValueError" in str(failure.value)
    assert migrations.state(empty, folders).behind == (Step("alpha", "0003_broken"), *STEPS[-2:])
    assert "alpha_half" not in tables(empty)
    assert "alpha_parent" in tables(empty)


def test_a_failure_without_a_transaction_says_that_its_part_stays(empty, folders):
    (folders[1].path / "0003_broken.py").write_text(
        "atomic = False\n"
        "def up(migrator, db):\n"
        "    db.execute_sql('CREATE TABLE alpha_half (id INTEGER)')\n"
        "    raise ValueError('no good')\n"
        "def down(migrator, db): ...\n"
    )
    with pytest.raises(MigrationFailed, match=r"line 4: .*\n.*did before that line stays"):
        migrations.apply(empty, folders)
    assert "alpha_half" in tables(empty)


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
    empty.sync.write(lambda tx: tx.database.execute_sql("CREATE TABLE core_early (id INTEGER)"))
    empty.sync.write(lambda tx: tx.database.execute_sql("INSERT INTO core_early VALUES (1)"))
    migrations.apply(empty, [CORE])
    empty.sync.write(lambda tx: tx.database.execute_sql("INSERT INTO core_early VALUES (2)"))
    with empty.engine.shared() as raw:
        assert raw.execute_sql("SELECT COUNT(*) FROM core_early").fetchone() == (2,)


# Edited files, and histories without digests


def test_an_applied_file_that_was_edited_is_reported(empty, folders):
    migrations.apply(empty, folders)
    file = folders[1].path / "0001_initial.py"
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes().replace(b"\n", b"\r\n"))
    assert migrations.state(empty, folders) == State()
    file.write_text(file.read_text(encoding="utf-8-sig") + "# a change\n")
    assert migrations.state(empty, folders) == State(edited=(Step("alpha", "0001_initial"),))


def test_an_old_history_gets_digests_when_migrations_are_next_applied(empty, folders):
    migrations.apply(empty, folders)
    with empty.engine.exclusive() as raw:
        raw.execute_sql("ALTER TABLE alpha_migrations DROP COLUMN digest")
    file = folders[1].path / "0002_title.py"
    file.write_text(file.read_text() + "# before\n")
    assert migrations.state(empty, folders) == State()
    assert migrations.apply(empty, folders) == []
    file.write_text(file.read_text() + "# after\n")
    assert migrations.state(empty, folders).edited == (Step("alpha", "0002_title"),)


# Files


@pytest.mark.parametrize(
    ("name", "text", "problem"),
    [
        ("0002_second.py", None, r"0002_title\.py has the number of 0002_second\.py"),
        ("0004_late.py", None, r"0004_late\.py has the number 0004 where 0003 is next"),
        ("initial.py", None, r"initial\.py is not named as a migration is"),
        ("3_third.py", None, r"3_third\.py is not named"),
        ("0003_Third.py", None, r"0003_Third\.py is not named"),
        (
            "0003_third.py",
            "def up(migrator, db): ...",
            r"0003_third\.py has no down\(migrator, db\)",
        ),
        ("0003_third.py", "def down(migrator, db): ...", r"0003_third\.py has no up"),
        ("0003_third.py", "\n\ndef up(:", r"0003_third\.py, line 3: invalid syntax"),
        ("0003_third.py", "\0", r"0003_third\.py, line 1: .*null"),
    ],
)
def test_files_that_are_no_history_are_refused_before_any_step(empty, folders, name, text, problem):
    content = "def up(migrator, db): ...\ndef down(migrator, db): ..." if text is None else text
    (folders[2].path / name).write_text(content)
    (found,) = folder_problems(folders[2])
    with pytest.raises(MigrationsRefused, match=problem) as refusal:
        migrations.apply(empty, folders)
    assert refusal.value.problems == [found]
    assert tables(empty) == set()


def test_a_migration_that_leaves_rows_without_their_parent_is_undone(empty, folders):
    """PostgreSQL refuses to drop the table; SQLite's checks are off during migrations."""
    migrations.apply(empty, folders)
    key = "01890a5d-ac96-774b-bcce-b302099a8057"

    def fill(tx):
        execute = tx.database.execute_sql
        parent = "INSERT INTO alpha_parent (id, at, data, title) VALUES (?, ?, '{}', '')"
        mark = tx.database.param
        execute(parent.replace("?", mark), (key, "2026-01-01T00:00:00.000000+00:00"))
        execute("INSERT INTO alpha_child VALUES (?, ?)".replace("?", mark), (key, key))

    empty.sync.write(fill)
    (folders[1].path / "0003_no_parent.py").write_text(
        "def up(migrator, db):\n"
        "    migrator.migrate(migrator.drop_table('alpha_parent'))\n"
        "def down(migrator, db): ...\n"
    )
    with pytest.raises(MigrationFailed, match=r"alpha_child"):
        migrations.apply(empty, folders)
    assert "alpha_parent" in tables(empty)
