"""``migrations make``: the difference between models and history, written, applied and undone."""

from __future__ import annotations

import contextlib
import itertools

import peewee
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from changemaker_core.db import (
    Database,
    JSONField,
    MigrationFolder,
    Model,
    UtcField,
    UUIDField,
    migrations,
    utcnow,
)
from changemaker_core.db.errors import MigrationFailed, MigrationsRefused
from changemaker_core.db.migrations.making import _title, drift
from changemaker_core.db.migrations.making import make as make_migration
from changemaker_core.db.migrations.operations import RenameTable
from tests.db.migrations.schemas import live_schema


@pytest.fixture
def empty(database_url):
    database = Database.open(database_url)
    yield database
    database.close()


@pytest.fixture
def folder(tmp_path):
    path = tmp_path / "migrations"
    path.mkdir()
    return MigrationFolder("park", path)


@pytest.fixture
def make(folder):
    """``make(*models, **options)``: write the next migration, if there is one to write."""

    def make_(*models, **options):
        made = make_migration([folder], "park", models, **options)
        if made:
            made.write()
        return made

    return make_


def model(table_name, **members):
    """Return a model, as a class statement would make it."""
    meta = {"table_name": table_name} | members.pop("meta", {})
    return type("Made", (Model,), members | {"Meta": type("Meta", (), meta)})


# Against what was written by hand


@pytest.mark.parametrize("plugin", ["core", "accounts", "influence"])
def test_from_an_empty_history_as_by_hand(plugin, make_site, tmp_path, fresh_url):
    from changemaker_influence.plugin import InfluencePlugin

    site = make_site(InfluencePlugin)
    by_hand = live_schema(site.db, f"{plugin}_")
    before = list(itertools.takewhile(lambda f: f.plugin != plugin, site.migration_folders()))
    folder = MigrationFolder(plugin, tmp_path / "made")
    made = make_migration([*before, folder], plugin, site.models()[plugin])
    made.write()
    assert made.path.name == "0001_initial.py"
    with contextlib.closing(Database.open(fresh_url)) as other:
        migrations.apply(other, [*before, folder])
        assert live_schema(other, f"{plugin}_") == by_hand
        migrations.revert(other, folder)
        assert not any(live_schema(other, f"{plugin}_"))
    assert make_migration([*before, folder], plugin, site.models()[plugin]) is None


@pytest.fixture
def fresh_url(database_url, request, tmp_path):
    if database_url.startswith("sqlite"):
        yield f"sqlite:///{tmp_path / 'other.db'}"
    else:
        cluster = request.getfixturevalue("postgres_cluster")
        url = cluster.create_database()
        yield url
        cluster.drop(url)


# One change after another


def first():
    tree = model(
        "park_tree",
        id=UUIDField(primary_key=True),
        name=peewee.CharField(max_length=80),
        height=peewee.IntegerField(constraints=[peewee.Check("height > 0")]),
        seen=peewee.BooleanField(),
        notes=peewee.TextField(null=True),
        code=peewee.TextField(),
        planted=UtcField(null=True, index=True),
        meta={"indexes": ((("name", "height"), True),)},
    )
    bird = model(
        "park_bird",
        id=peewee.AutoField(),
        tree=peewee.ForeignKeyField(tree, lazy_load=False, on_delete="CASCADE"),
        nest=peewee.ForeignKeyField(tree, lazy_load=False, null=True, backref="nests"),
        weight=peewee.DecimalField(max_digits=6, decimal_places=2),
    )
    gone = model("park_gone", code=peewee.CharField(primary_key=True), data=JSONField())
    gone.add_index(gone.data, where=peewee.SQL("code <> ''"), name="park_gone_part")
    return [tree, bird, gone]


def second():
    tree = model(
        "park_tree",
        id=UUIDField(primary_key=True),
        name=peewee.CharField(max_length=120, index=True),
        height=peewee.BigIntegerField(constraints=[peewee.SQL("DEFAULT 1")]),
        seen=peewee.BooleanField(null=True),
        notes=peewee.TextField(default="(none)"),
        code=UUIDField(),
        tags=JSONField(default=list),
        felled=UtcField(null=True),
        meta={"constraints": [peewee.Check("length(name) IN (1, 2)", name="park_short")]},
    )
    tree.add_index(tree.felled.desc(), where=tree.seen == True, name="park_tree_felled")  # noqa: E712
    visit = model(
        "park_visit",
        id=UUIDField(primary_key=True),
        at=UtcField(),
        tree=peewee.ForeignKeyField(tree, lazy_load=False, on_delete="SET NULL", null=True),
    )
    bird = model(
        "park_bird",
        id=peewee.AutoField(),
        tree=peewee.ForeignKeyField(tree, lazy_load=False, on_delete="RESTRICT", index=False),
        nest=UUIDField(null=True, column_name="nest_id"),
        weight=peewee.DecimalField(max_digits=6, decimal_places=2, null=True),
        visit=peewee.ForeignKeyField(visit, lazy_load=False, null=True, unique=True),
    )
    return [tree, visit, bird]


def test_each_kind_of_change_leads_there_and_back(make, folder, empty, fresh_url):
    make(*first())
    migrations.apply(empty, [folder])
    before = live_schema(empty, "park_")
    made = make(*second(), name="second")
    assert make_migration([folder], "park", second()) is None, made.text

    migrations.apply(empty, [folder])
    with contextlib.closing(Database.open(fresh_url)) as other:
        other.sync.write(lambda tx: tx.database.create_tables(second()))
        assert live_schema(empty, "park_") == live_schema(other, "park_"), made.text

    migrations.revert(empty, folder)
    assert live_schema(empty, "park_") == before, made.text


class Citext(peewee.TextField):
    field_type = "CITEXT"


def test_unusual_tables_are_written_too(make, folder, empty, fresh_url):
    tree = model(
        "park_tree",
        id=peewee.BigAutoField(),
        parent=peewee.ForeignKeyField("self", null=True, lazy_load=False, on_update="CASCADE"),
        label=peewee.FixedCharField(max_length=3, unique=True),
        class_=peewee.SmallIntegerField(column_name="class"),
        ratio=peewee.DoubleField(index=True),
    )
    seed = model(
        "park_seed",
        tree=peewee.ForeignKeyField(tree, field="label", column_name="of_tree", lazy_load=False),
        day=peewee.DateField(),
        meta={"primary_key": peewee.CompositeKey("tree", "day")},
    )
    note = model("park_note", text=peewee.TextField(), meta={"primary_key": False})
    made = make(tree, seed, note)
    migrations.apply(empty, [folder])
    with contextlib.closing(Database.open(fresh_url)) as other:
        other.sync.write(lambda tx: tx.database.create_tables([tree, seed, note]))
        assert live_schema(empty, "park_") == live_schema(other, "park_"), made.text
    assert make(tree, seed, note) is None


@pytest.mark.database("sqlite")
def test_a_type_of_ones_own_is_a_field_in_the_file(make, folder):
    made = make(model("park_tree", id=UUIDField(primary_key=True), name=Citext()))
    assert 'class CitextField(peewee.Field):\n    field_type = "CITEXT"' in made.text
    assert "    name = CitextField()" in made.text


def test_rows_are_kept_and_get_what_they_lack(make, folder, empty):
    tree = model("park_tree", id=UUIDField(primary_key=True), name=peewee.TextField(null=True))
    make(tree)
    migrations.apply(empty, [folder])
    keys = ["01890a5d-ac96-774b-bcce-b302099a8057", "01890a5d-ac96-774b-bcce-b302099a8058"]
    empty.sync.write(lambda tx: tree.insert_many([(keys[0], "Oak"), (keys[1], None)]).execute())
    changed = model(
        "park_tree",
        id=UUIDField(primary_key=True),
        name=peewee.TextField(default="(none)"),
        tags=JSONField(default=list),
        tall=peewee.BooleanField(),
        seen=UtcField(),
    )
    values = {"park_tree.tall": True, "park_tree.seen": "2026-01-01T00:00:00+00:00"}
    make(changed, values=values)
    migrations.apply(empty, [folder])
    query = changed.select().order_by(changed.id)
    oak, other = empty.sync.read(lambda: list(query.dicts()))
    assert (oak["name"], other["name"]) == ("Oak", "(none)")
    assert (oak["tags"], oak["tall"], oak["seen"].isoformat()) == (
        [],
        True,
        "2026-01-01T00:00:00+00:00",
    )
    migrations.revert(empty, folder)
    assert len(empty.sync.read(lambda: list(tree.select()))) == 2


def test_a_column_that_needs_a_value_is_asked_for(make):
    make(model("park_tree", id=UUIDField(primary_key=True), name=peewee.TextField(null=True)))
    changed = model(
        "park_tree",
        id=UUIDField(primary_key=True),
        name=peewee.TextField(),
        planted=UtcField(default=utcnow),
    )
    with pytest.raises(MigrationsRefused) as refusal:
        make(changed)
    assert len(refusal.value.problems) == 2
    assert "pass --fill park_tree.planted=VALUE" in str(refusal.value)


def test_renames_keep_rows_references_and_indexes(make, folder, empty):
    make(*first())
    migrations.apply(empty, [folder])
    tree, bird, gone = first()
    key = "01890a5d-ac96-774b-bcce-b302099a8057"

    def fill(tx):
        row = {"id": key, "name": "Oak", "height": 3, "seen": True, "code": "x"}
        tree.insert(row).execute()
        bird.insert(tree=key, weight="1.50").execute()

    empty.sync.write(fill)
    plant = model(
        "park_plant",
        id=UUIDField(primary_key=True),
        label=peewee.CharField(max_length=80),
        size=peewee.IntegerField(constraints=[peewee.Check("size > 0")]),
        seen=peewee.BooleanField(),
        notes=peewee.TextField(null=True),
        code=peewee.TextField(),
        planted=UtcField(null=True, index=True),
        meta={"indexes": ((("label", "size"), True),)},
    )
    finch = model(
        "park_bird",
        id=peewee.AutoField(),
        tree=peewee.ForeignKeyField(plant, lazy_load=False, on_delete="CASCADE"),
        nest=peewee.ForeignKeyField(plant, lazy_load=False, null=True, backref="nests"),
        weight=peewee.DecimalField(max_digits=6, decimal_places=2),
    )
    renames = {
        "park_tree": "park_plant",
        "park_tree.name": "label",
        "park_tree.height": "size",
    }
    made = make(plant, finch, gone, renames=renames)
    assert made.renames == ()
    assert "create park_plant" not in made.operations
    assert make(plant, finch, gone) is None
    migrations.apply(empty, [folder])
    row = empty.sync.read(lambda: plant.select(plant.label, plant.size).tuples().get())
    assert row == ("Oak", 3)
    assert empty.sync.read(lambda: finch.select().where(finch.tree == key).count()) == 1
    with pytest.raises(peewee.IntegrityError):
        empty.sync.write(lambda tx: plant.update(size=0).execute())
    migrations.revert(empty, folder)
    assert empty.sync.read(lambda: tree.select(tree.name).tuples().get()) == ("Oak",)


@pytest.mark.database("sqlite")
def test_a_table_that_sqlite_rebuilds_keeps_its_triggers(make, folder, empty):
    """(!) peewee's own rebuild drops them, and stops at parentheses inside of parentheses."""
    check = peewee.Check("length(name) IN (1, 2, 3)")
    tree = model("park_tree", id=UUIDField(primary_key=True), name=peewee.TextField(null=True))
    tree._meta.constraints = [check]
    make(tree)
    migrations.apply(empty, [folder])
    trigger = (
        "CREATE TRIGGER park_upper AFTER INSERT ON park_tree BEGIN "
        "UPDATE park_tree SET name = upper(name) WHERE id = new.id; END"
    )
    empty.sync.write(lambda tx: tx.database.execute_sql(trigger))
    named = model("park_tree", id=UUIDField(primary_key=True), name=peewee.TextField(default="x"))
    named._meta.constraints = [check]
    make(named)
    migrations.apply(empty, [folder])
    key = "01890a5d-ac96-774b-bcce-b302099a8057"
    empty.sync.write(lambda tx: named.insert(id=key, name="oak").execute())
    assert empty.sync.read(lambda: named.select(named.name).scalar()) == "OAK"
    with pytest.raises(peewee.IntegrityError):
        empty.sync.write(lambda tx: named.update(name="spruce").execute())


@pytest.mark.database("sqlite")
@pytest.mark.parametrize(
    ("other", "named"),
    [
        (["VIEW park_names AS SELECT name FROM park_tree"], "the view park_names "),
        (
            [
                "VIEW park_all AS SELECT * FROM park_tree",
                "VIEW park_names AS SELECT name FROM park_all",
            ],
            "the view park_names ",
        ),
        (["TRIGGER park_seen AFTER INSERT ON park_log BEGIN DELETE FROM park_tree; END"], None),
        (
            [
                "TRIGGER park_seen AFTER UPDATE OF t ON park_log BEGIN "
                "DELETE FROM park_tree WHERE name = new.t; END",
                "TRIGGER park_new AFTER INSERT ON park_log BEGIN DELETE FROM park_tree; END",
            ],
            "the trigger park_seen of park_log ",
        ),
        (
            [
                "TRIGGER park_own AFTER INSERT ON park_tree BEGIN "
                "INSERT INTO park_log (id, t) VALUES (new.id, new.name); END"
            ],
            "the trigger park_own of park_tree ",
        ),
        (["VIEW park_old AS SELECT gone FROM park_tree"], None),
    ],
    ids=["view", "view on a view", "trigger", "trigger on the column", "own trigger", "no longer"],
)
def test_a_table_that_sqlite_rebuilds_is_named_elsewhere(make, folder, empty, other, named):
    """(!) SQLite finds out when these are used: it is the migration that has to fail."""
    key, log = UUIDField(primary_key=True), model("park_log", t=peewee.TextField())
    make(model("park_tree", id=key, name=peewee.TextField(null=True)), log)
    migrations.apply(empty, [folder])
    for sql in other:
        empty.sync.write(lambda tx, sql=sql: tx.database.execute_sql(f"CREATE {sql}"))
    tree = model("park_tree", id=UUIDField(primary_key=True), name=peewee.TextField(default="x"))
    make(tree, log)
    migrations.apply(empty, [folder])
    empty.sync.write(lambda tx: log.insert(t="seen").execute())
    with empty.engine.shared() as raw:
        assert raw.execute_sql("PRAGMA legacy_alter_table").fetchone() == (0,)
    make(model("park_tree", id=UUIDField(primary_key=True)), log)
    if named is None:
        migrations.apply(empty, [folder])
        return
    with pytest.raises(MigrationFailed, match=f"{named}could not be used.*no such column"):
        migrations.apply(empty, [folder])
    assert empty.sync.read(lambda: tree.select(tree.name).count()) == 0  # the column is there


@pytest.mark.database("sqlite")
@pytest.mark.parametrize(
    ("added", "refused"),
    [
        ({"code": peewee.TextField(default="", unique=True)}, True),
        ({"code": peewee.TextField(null=True, unique=True)}, False),
        ({"code": peewee.TextField(default="")}, False),
        (
            {"code": peewee.TextField(default=""), "meta": {"indexes": ((("code", "id"), True),)}},
            False,
        ),
        ({"code": peewee.TextField(default=""), "meta": {"indexes": ((("code",), True),)}}, True),
    ],
)
def test_a_new_column_cannot_be_unique_and_the_same_in_all_rows(make, folder, added, refused):
    """It would be found by the operator, where the migration fails at the second row."""
    make(model("park_tree", id=UUIDField(primary_key=True)))
    changed = model("park_tree", id=UUIDField(primary_key=True), **added)
    if not refused:
        assert make(changed)
        return
    with pytest.raises(MigrationsRefused, match=r"park_tree\.code is new and unique"):
        make(changed)
    (found,) = drift([folder], {"park": [changed]})["park"]
    assert "null=True without a default" in found


@pytest.mark.database("sqlite")
def test_what_may_be_a_rename_is_told(make):
    make(model("park_tree", id=UUIDField(primary_key=True), name=peewee.TextField(default="")))
    other = model("park_tree", id=UUIDField(primary_key=True), label=peewee.TextField(default=""))
    assert make(other).renames == ("park_tree.name=label",)


@pytest.mark.parametrize(
    ("renames", "problem"),
    [
        ({"park_shrub": "park_tree"}, "the migrations make no park_shrub"),
        ({"park_tree.nose": "name"}, "the migrations make no park_tree.nose"),
        ({"park_tree": "park_shrub"}, "the models have no such name"),
        ({"park_tree.name": "nose"}, "the models have no such name"),
        ({"park_tree.name": "id"}, "the migrations have both names"),
    ],
)
@pytest.mark.database("sqlite")
def test_a_rename_of_what_is_not_there_is_refused(make, renames, problem):
    tree = model("park_tree", id=UUIDField(primary_key=True), name=peewee.TextField())
    make(tree)
    with pytest.raises(MigrationsRefused, match=problem):
        make(tree, renames=renames)


def test_a_change_that_no_statement_makes_is_left_to_a_person(make):
    make(model("park_tree", id=UUIDField(primary_key=True), name=peewee.TextField()))
    other = model("park_tree", id=UUIDField(), name=peewee.TextField(primary_key=True))
    with pytest.raises(MigrationsRefused, match=r"park_tree: its primary key.*by hand"):
        make(other)


def test_a_broken_history_names_its_line(make, folder):
    (folder.path / "0001_initial.py").write_text(
        "def up(migrator, db):\n    db.execute_sql('CREATE')\n\ndef down(migrator, db): ..."
    )
    with pytest.raises(MigrationFailed, match=r"0001_initial\.py, line 2: OperationalError"):
        make()


def test_a_name_for_a_file_is_checked_and_no_file_is_overwritten(make, folder):
    tree = model("park_tree", id=UUIDField(primary_key=True))
    with pytest.raises(MigrationsRefused, match="no name for a migration"):
        make(tree, name="../evil")
    made = make(tree, name="trees")
    with pytest.raises(FileExistsError):
        made.write()
    assert made.path.read_text() == made.text


@pytest.mark.parametrize(
    ("names", "title"),
    [
        (["a"], "Rename a to b."),
        (["a" * 90], f"Rename {'a' * 90} to b."),
        (["a", "c", "d"], "Rename a to b, rename c to b, rename d to b."),
        (["a", "c", "d", "e"], "Rename a to b, rename c to b, rename d to b, and 1 more."),
        (["a" * 60, "c" * 60], f"Rename {'a' * 60} to b, and 1 more."),
    ],
)
def test_the_first_line_says_what_is_done(names, title):
    assert _title([RenameTable(name, "b") for name in names]) == title


def test_drift_is_what_the_next_migration_would_do(make, folder):
    tree = model("park_tree", id=UUIDField(primary_key=True))
    make(tree)
    assert drift([folder], {"park": [tree]}) == {}
    taller = model("park_tree", id=UUIDField(primary_key=True), height=peewee.IntegerField())
    (found,) = drift([folder], {"park": [taller]})["park"]
    assert found.startswith("park_tree.height is not null and has no default")
    assert drift([folder], {"park": []}) == {"park": ["drop park_tree"]}


# Any two models

KINDS = {
    peewee.TextField: "",
    peewee.IntegerField: 0,
    UtcField: "2026-01-01T00:00:00+00:00",
    UUIDField: "01890a5d-ac96-774b-bcce-b302099a8057",
    JSONField: {},
}
columns = st.dictionaries(
    st.sampled_from(["one", "two", "three"]),
    st.tuples(
        st.sampled_from(list(KINDS)),
        st.booleans(),
        st.booleans(),
    ),
)


@settings(max_examples=25, deadline=None)
@given(tables=st.lists(st.dictionaries(st.sampled_from(["park_a", "park_b"]), columns), max_size=3))
@pytest.mark.database("sqlite")
def test_any_models_follow_any_others(tmp_path_factory, tables):
    """What ``make`` writes leads to the models and back, or it raises."""
    folder = MigrationFolder("park", tmp_path_factory.mktemp("any"))
    for step in tables:
        models = [_any_model(name, members) for name, members in step.items()]
        values = {
            f"{table}.{name}": KINDS[kind]
            for table, members in step.items()
            for name, (kind, _, _) in members.items()
        }
        made = make_migration([folder], "park", models, values=values)
        if made:
            made.write()
        assert make_migration([folder], "park", models) is None


def _any_model(table_name, members):
    fields = {
        name: kind(null=null, index=index and kind is not JSONField)
        for name, (kind, null, index) in members.items()
    }
    return model(table_name, id=UUIDField(primary_key=True), **fields)
