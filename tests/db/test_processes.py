"""Several operating system processes on one database."""

from __future__ import annotations

import json
import time

import peewee
import pytest

from changemaker_core.db import Database, Model, UUIDField, migrations, new_id


class Row(Model):
    id = UUIDField(primary_key=True, default=new_id)
    who = peewee.TextField()

    class Meta:
        table_name = "test_row"


class Number(Model):
    number = peewee.IntegerField(primary_key=True)

    class Meta:
        table_name = "test_number"


class Entry(Model):
    value = peewee.TextField()

    class Meta:
        table_name = "test_entry"


def count(model: type[Model]) -> int:
    return model.select().count()


def test_a_hundred_writers_in_three_processes_all_write_soon(
    database, database_url, make_tables, run_program
):
    make_tables(Row)
    shares = (34, 33, 33)
    processes = [
        run_program("write_rows.py", database_url, index, threads, 10)
        for index, threads in enumerate(shares)
    ]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    reports = [json.loads(process.communicate()[0]) for process in processes]
    assert [report["errors"] for report in reports] == [[], [], []]
    took = max(report["took"] for report in reports)
    assert max(report["longest"] for report in reports) < max(2.0, took / 2), "one was starved"
    assert database.sync.read(count, Row) == sum(shares) * 10


def test_a_killed_process_loses_no_acknowledged_write(
    database, database_url, make_tables, run_program
):
    make_tables(Number)
    acknowledged: set[int] = set()
    for attempt in range(3):
        process = run_program("write_for_ever.py", database_url, attempt * 10_000_000)
        lines = [process.stdout.readline() for _ in range(40)]
        process.kill()  # SIGKILL, in the middle of the next writes
        lines += process.communicate()[0].splitlines(keepends=True)
        acknowledged |= {int(line) for line in lines if line.endswith("\n")}
    stored = database.sync.read(lambda: {row.number for row in Number.select()})
    assert len(acknowledged) >= 120
    assert acknowledged <= stored


async def test_every_write_of_another_process_is_seen_by_the_next_check(sqlite_url, run_program):
    database = Database.open(sqlite_url)
    migrations.apply(database, [migrations.CORE])
    await database.write(lambda tx: tx.database.create_tables([Entry]))
    seen: list[frozenset[str] | None] = []
    await database.changes.start()
    database.changes.subscribe(seen.append)
    process = run_program("write_on_command.py", sqlite_url)
    for number in range(300):
        process.stdin.write(f"{number}\n")
        process.stdin.flush()
        process.stdout.readline()
        database.changes.check()
        assert seen[number:] == [{"test_entry"}]
    database.changes.check()
    assert len(seen) == 300
    await database.changes.stop()
    database.close()


@pytest.mark.postgresql
async def test_a_write_of_another_process_arrives_within_100_ms(postgresql_url, run_program):
    import asyncio

    database = Database.open(postgresql_url)
    migrations.apply(database, [migrations.CORE])
    await database.write(lambda tx: tx.database.create_tables([Entry]))
    arrived: asyncio.Queue[tuple[float, frozenset[str] | None]] = asyncio.Queue()
    await database.changes.start()
    database.changes.subscribe(lambda tables: arrived.put_nowait((time.monotonic(), tables)))
    process = run_program("write_on_command.py", postgresql_url)
    delays = []
    while not arrived.empty():
        arrived.get_nowait()
    for number in range(20):
        process.stdin.write(f"{number}\n")
        process.stdin.flush()
        committed = float(await asyncio.to_thread(process.stdout.readline))
        at, tables = await asyncio.wait_for(arrived.get(), 60)
        assert tables == {"test_entry"}
        delays.append(at - committed)
    assert sorted(delays)[len(delays) // 2] < 0.1
    await database.changes.stop()
    database.close()


def test_two_processes_that_migrate_at_once_share_the_work(database_url, run_program, tmp_path):
    folder = tmp_path / "migrations"
    folder.mkdir()
    for number in (1, 2, 3):
        (folder / f"000{number}_step.py").write_text(
            "def up(migrator, db):\n"
            f"    db.execute_sql('CREATE TABLE test_step_{number} (id INTEGER)')\n"
            "def down(migrator, db):\n"
            f"    db.execute_sql('DROP TABLE test_step_{number}')\n"
        )
    processes = [run_program("migrate.py", database_url, folder) for _ in range(2)]
    for process in processes:
        assert process.stdout.readline() == "ready\n"
    for process in processes:
        process.stdin.write("go\n")
        process.stdin.flush()
    done = [step for process in processes for step in json.loads(process.communicate()[0])]
    own = [f"core.{path.stem}" for path in migrations.CORE.path.glob("0*.py")]
    assert sorted(done) == sorted([*own, *[f"test.000{n}_step" for n in (1, 2, 3)]])
    assert [process.returncode for process in processes] == [0, 0]


def test_a_migration_that_is_killed_half_way_is_done_by_the_next(
    database_url, run_program, tmp_path
):
    folder = tmp_path / "migrations"
    folder.mkdir()
    step = folder / "0001_step.py"
    text = (
        "import time\n"
        "def up(migrator, db):\n"
        "    db.execute_sql('CREATE TABLE test_half (id INTEGER)')\n"
        "    db.execute_sql('INSERT INTO test_half VALUES (1)')\n"
        "    WAIT\n"
        "def down(migrator, db):\n"
        "    db.execute_sql('DROP TABLE test_half')\n"
    )
    step.write_text(text.replace("WAIT", "print('half', flush=True); time.sleep(60)"))
    process = run_program("migrate_slowly.py", database_url, folder)
    assert process.stdout.readline() == "half\n"
    process.kill()
    process.communicate()

    step.write_text(text.replace("WAIT", "pass"))
    database = Database.open(database_url)
    folders = [migrations.CORE, migrations.MigrationFolder("test", folder)]
    assert migrations.plan(database, folders) == [migrations.Step("test", "0001_step")]
    migrations.apply(database, folders)
    with database.engine.shared() as raw:
        assert raw.execute_sql("SELECT count(*) FROM test_half").fetchone() == (1,)
    database.close()
