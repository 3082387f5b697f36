"""A migration's source: imports, frozen models, ``up`` and ``down``, as one would write them."""

from __future__ import annotations

import keyword
from typing import TYPE_CHECKING, Any

from playhouse.migrate import make_index_name

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Sequence

    from changemaker_core.db.migrations.schema import Column, Index, Reference, Schema, Table

WIDTH = 100

#: Named arguments, as source.
Options = dict[str, "str | Call"]

#: How a field of each type is written; other types get a field class of their own.
_FIELDS = {
    "INTEGER /* AUTO */": "peewee.AutoField",
    "INTEGER /* BIGAUTO */": "peewee.BigAutoField",
    "INTEGER": "peewee.IntegerField",
    "BIGINT": "peewee.BigIntegerField",
    "SMALLINT": "peewee.SmallIntegerField",
    "BOOL": "peewee.BooleanField",
    "REAL": "peewee.FloatField",
    "DOUBLE": "peewee.DoubleField",
    "DECIMAL": "peewee.DecimalField",
    "VARCHAR": "peewee.CharField",
    "CHAR": "peewee.FixedCharField",
    "TEXT": "peewee.TextField",
    "BLOB": "peewee.BlobField",
    "DATE": "peewee.DateField",
    "TIME": "peewee.TimeField",
    "UUID": "UUIDField",
    "TIMESTAMPTZ": "UtcField",
    "JSON": "JSONField",
}


class Call:
    """A call in source: broken into lines where it is too long for one, as ruff and black do."""

    def __init__(self, function: str, /, *arguments: str | Call, **named: str | Call) -> None:
        self._function = function
        self._arguments: list[tuple[str, str | Call]] = [("", each) for each in arguments]
        self._arguments += [(f"{name}=", value) for name, value in named.items()]

    def __str__(self) -> str:
        return self.text(0, "")

    def text(self, indent: int, before: str, after: str = "") -> str:
        """Return the call for a line that begins at ``indent`` with ``before``."""
        flat = f"{self._function}({', '.join(f'{n}{a}' for n, a in self._flat())})"
        if indent + len(before) + len(flat) + len(after) <= WIDTH:
            return f"{before}{flat}{after}"
        inner = ", ".join(f"{name}{argument}" for name, argument in self._flat())
        pad = " " * (indent + 4)
        if len(pad) + len(inner) <= WIDTH:
            return f"{before}{self._function}(\n{pad}{inner}\n{' ' * indent}){after}"
        lines = [
            value.text(indent + 4, name, ",") if isinstance(value, Call) else f"{name}{value},"
            for name, value in self._arguments
        ]
        listed = "\n".join(f"{pad}{line}" for line in lines)
        return f"{before}{self._function}(\n{listed}\n{' ' * indent}){after}"

    def _flat(self) -> Iterable[tuple[str, str]]:
        for name, value in self._arguments:
            yield name, value.flat() if isinstance(value, Call) else value

    def flat(self) -> str:
        """Return the call on one line."""
        return f"{self._function}({', '.join(f'{n}{a}' for n, a in self._flat())})"


def literal(value: Any) -> str:
    """Return a value as source, with double quotes where ``repr`` has single ones."""
    if isinstance(value, str):
        text = repr(value)
        if text.startswith("'") and '"' not in value:
            return f'"{text[1:-1]}"'
        return text
    if isinstance(value, dict):
        return f"{{{', '.join(f'{literal(k)}: {literal(v)}' for k, v in value.items())}}}"
    if isinstance(value, (tuple, list)):
        inner = ", ".join(map(literal, value))
        if isinstance(value, list):
            return f"[{inner}]"
        return f"({inner},)" if len(value) == 1 else f"({inner})"
    return repr(value)


class SourceFile:
    """The source of one migration: what ``up`` and ``down`` name is declared above them."""

    def __init__(self, plugin: str, schemas: Sequence[Schema], own: Iterable[Table]) -> None:
        self._plugin = plugin
        self._schemas = schemas
        #: The tables that are created or dropped here; others are named by a stub.
        self._own = {table.name: table for table in own}
        self._classes: dict[str, str] = {}

    def text(self, title: str, up: Source, down: Source) -> str:
        """Return the whole file."""
        created = [name for name in up.created if name]
        bodies = [up.text("up"), down.text("down")]
        declared = [*self._classes.values()]
        for name, group in (("TABLES", created), ("DROPPED", up.dropped)):
            if group:
                declared.append(_assigned(name, "[", group, "]"))
        parts = "\n\n\n".join([*declared, *bodies])
        lines = f'"""{title}"""\n\n{_imports(parts)}\n\n\n{parts}'.split("\n")
        long = "  # noqa: E501"  # a statement that is one text
        return "".join(f"{line}{long * (len(line) > WIDTH)}\n" for line in lines)

    def model(self, table: Table) -> str:
        """Declare the model of a table, once, and return its name."""
        name = _camel(table.name.removeprefix(f"{self._plugin}_"))
        if name not in self._classes:
            self._classes[name] = ""  # it may refer to itself
            fields = [self._declared(table, column) for column in table.columns.values()]
            lines = [f"class {name}(Model):", *fields, "", *_meta(table)]
            del self._classes[name]  # it comes after what it refers to
            self._classes[name] = "\n".join(lines)
        return name

    def _declared(self, table: Table, column: Column) -> str:
        name = _field_name(table, column)
        options: Options = {}
        if (column.name,) == table.key:
            options["primary_key"] = "True"
        implied = f"{name}_id" if column.reference and not name.endswith("_id") else name
        if column.name != implied:
            options["column_name"] = literal(column.name)
        options |= _index_options(table, column)
        made = self.field(column, owner=table.name, options=options)
        return "    " + made.text(4, f"{name} = ")

    def field(
        self,
        column: Column,
        owner: str = "",
        default: Any = None,
        bare: bool = False,
        options: Options | None = None,
    ) -> Call:
        """Return a field. Without ``owner`` it belongs to no model: it is added, or altered to."""
        options = dict(options or {})
        if "AUTO */" in column.kind:
            options.pop("primary_key", None)
        if bare:
            return Call(self._field_class(column.kind), **_size(column.kind))
        if column.null:
            options["null"] = "True"
        if default is not None:
            options["default"] = _default(column, default)
        constraints = [Call("peewee.SQL", literal(f"DEFAULT {column.default}"))]
        constraints = constraints if column.default is not None else []
        constraints += [Call("peewee.SQL", literal(part)) for part in sorted(column.rest)]
        if constraints:
            options["constraints"] = f"[{', '.join(each.flat() for each in constraints)}]"
        if column.reference is None:
            return Call(self._field_class(column.kind), **(_size(column.kind) | options))
        return self._foreign_key(column.reference, owner, options)

    def _foreign_key(self, reference: Reference, owner: str, options: Options) -> Call:
        to = '"self"' if reference.table == owner else self._referred(reference)
        table = self._table(reference.table)
        if not owner:
            target = _field_name(table, table.columns[reference.column])
            options = Options({"field": f"{to}.{target}"}, **options)
        elif table.key != (reference.column,):
            options["field"] = literal(reference.column)
        options["lazy_load"] = "False"
        for name in ("on_delete", "on_update"):
            if action := getattr(reference, name):
                options[name] = literal(action)
        if not owner:
            options["index"] = "False"
        return Call("peewee.ForeignKeyField", to, **options)

    def _table(self, name: str) -> Table:
        return next(schema[name] for schema in self._schemas if name in schema)

    def _referred(self, reference: Reference) -> str:
        """Return the model of a table that a column refers to: a stub if it exists already."""
        if reference.table in self._own:
            return self.model(self._own[reference.table])
        name = _camel(reference.table)
        options: Options = {}
        if name not in self._classes:
            table = self._table(reference.table)
            column = table.columns[reference.column]
            if "AUTO */" not in column.kind:
                is_key = table.key == (column.name,)
                options = {"primary_key" if is_key else "unique": "True"}
            options |= _size(column.kind)
            made = Call(self._field_class(column.kind), **options)
            named = made.text(4, f"{_field_name(table, column)} = ")
            self._classes[name] = (
                f"class {name}(Model):\n    {named}\n\n"
                f"    class Meta:\n        table_name = {literal(table.name)}"
            )
        return name

    def _field_class(self, kind: str) -> str:
        name = kind.partition("(")[0]
        known = _FIELDS.get(kind) or _FIELDS.get(name)
        if known:
            return known
        own = f"{_camel(name.lower().replace(' ', '_'))}Field"
        if own not in self._classes:
            self._classes = {
                own: f"class {own}(peewee.Field):\n    field_type = {literal(kind)}",
                **self._classes,
            }
        return own


class Source:
    """The body of ``up`` or ``down``. What can be one call of ``migrate()`` is one."""

    def __init__(self, file: SourceFile) -> None:
        self._file = file
        self._lines: list[str] = []
        self._pending: list[Call] = []
        self.created: list[str] = []
        self.dropped: list[str] = []

    def create(self, table: Table) -> None:
        """Create a table."""
        self.created.append(self._file.model(table))

    def drop(self, table: Table) -> None:
        """Drop a table."""
        self.dropped.append(self._file.model(table))

    def field(self, column: Column, default: Any = None, bare: bool = False) -> Call:
        """Return a field that belongs to no model."""
        return self._file.field(column, default=default, bare=bare)

    def migrate(self, method: str, *arguments: Any, **options: Any) -> None:
        """Call a method of the migrator."""
        made = [each if isinstance(each, Call) else literal(each) for each in arguments]
        named = {name: literal(value) for name, value in options.items()}
        self._pending.append(Call(f"migrator.{method}", *made, **named))

    def add_index(self, table: str, index: Index) -> None:
        """Create an index."""
        if index.columns is None:
            self._add_statement(index)
            return
        options: dict[str, Any] = {"unique": True} if index.unique else {}
        if index.name != make_index_name(table, index.columns):
            options["name"] = index.name
        self.migrate("add_index", table, index.columns, **options)

    def _add_statement(self, index: Index) -> None:
        if not index.postgresql:
            self.migrate("sql", index.sql)
            return
        self._flush()
        for condition, sql in (("if ", index.postgresql), ("else", index.sql)):
            if condition == "if ":
                self._lines.append("    if isinstance(db, peewee.PostgresqlDatabase):")
            else:
                self._lines.append("    else:")
            made = Call("migrator.migrate", Call("migrator.sql", literal(sql)))
            self._lines.append("        " + made.text(8, ""))

    def text(self, name: str) -> str:
        """Return the function."""
        self._flush()
        lines = list(self._lines)
        up = name == "up"
        if self.created:
            lines.insert(0, f"    db.create_tables({'TABLES' if up else 'DROPPED'})")
        if self.dropped:
            lines.append(f"    db.drop_tables({'DROPPED' if up else 'TABLES'})")
        head = f"def {name}(migrator: SchemaMigrator, db: peewee.Database) -> None:"
        return "\n".join([head, *lines])

    def _flush(self) -> None:
        if self._pending:
            made = Call("migrator.migrate", *self._pending)
            self._lines.append("    " + made.text(4, ""))
            self._pending = []


def _imports(source: str) -> str:
    signs = {"JSONField": "JSONField(", "Model": "(Model):", "UtcField": "UtcField("}
    signs["UUIDField"] = "UUIDField("
    names = [name for name, sign in signs.items() if sign in source]
    peewee = "import peewee\n"
    typing = "    from playhouse.migrate import SchemaMigrator"
    runs = source.replace("db: peewee.Database", "")
    blocks = ["from __future__ import annotations\n", "from typing import TYPE_CHECKING\n"]
    if "peewee." in runs:
        blocks.append(peewee)
    if names:
        blocks.append(f"from changemaker_core import {', '.join(names)}\n")
    blocks.append("if TYPE_CHECKING:")
    if "peewee." not in runs:
        blocks[-1] += f"\n    {peewee.strip()}"
    return "\n".join(blocks) + f"\n{typing}"


def _meta(table: Table) -> Iterator[str]:
    yield "    class Meta:"
    yield f"        table_name = {literal(table.name)}"
    if not table.key:
        yield "        primary_key = False"
    elif len(table.key) > 1:
        names = [literal(_field_name(table, table.columns[name])) for name in table.key]
        yield f"        primary_key = peewee.CompositeKey({', '.join(names)})"
    indexes = [
        literal((tuple(_field_name(table, table.columns[c]) for c in i.columns), i.unique))
        for i in table.indexes.values()
        if i.columns and len(i.columns) > 1 and is_plain(table, i)
    ]
    if indexes:
        yield _assigned("indexes", "(", indexes, ")", 8)
    checks = [
        Call("peewee.SQL", literal(c if n in table.unnamed else f"CONSTRAINT {n} {c}")).flat()
        for n, c in table.checks.items()
    ]
    if checks:
        yield _assigned("constraints", "(", checks, ")", 8)


def is_plain(table: Table, index: Index) -> bool:
    """Return whether an index comes with its table: on columns alone, with peewee's name."""
    return index.columns is not None and index.name == make_index_name(table.name, index.columns)


def _assigned(name: str, opening: str, items: Sequence[str], closing: str, indent: int = 0) -> str:
    pad = " " * indent
    only = "," if opening == "(" and len(items) == 1 else ""
    flat = f"{pad}{name} = {opening}{', '.join(items)}{only}{closing}"
    if len(flat) <= WIDTH:
        return flat
    lines = "".join(f"{pad}    {item},\n" for item in items)
    return f"{pad}{name} = {opening}\n{lines}{pad}{closing}"


def _index_options(table: Table, column: Column) -> Options:
    alone = [i for i in table.indexes.values() if i.columns == (column.name,)]
    found = next((i for i in alone if is_plain(table, i)), None)
    if found is None:
        return {"index": "False"} if column.reference and table.key != (column.name,) else {}
    if found.unique:
        return {"unique": "True"}
    return {} if column.reference else {"index": "True"}


def _size(kind: str) -> Options:
    name, _, rest = kind.partition("(")
    numbers = [number.strip() for number in rest.rstrip(")").split(",")]
    if name in ("VARCHAR", "CHAR") and rest and numbers != ["255"]:
        return {"max_length": numbers[0]}
    if name == "DECIMAL" and len(numbers) == 2:
        return {"max_digits": numbers[0], "decimal_places": numbers[1]}
    return {}


def _default(column: Column, value: Any) -> str:
    if value in ({}, []) and column.kind == "JSON":
        return type(value).__name__
    return literal(value)


def _field_name(table: Table, column: Column) -> str:
    name = column.name
    if column.reference and name.endswith("_id") and name[:-3] not in table.columns:
        name = name.removesuffix("_id")
    return f"{name}_" if keyword.iskeyword(name) else name


def _camel(name: str) -> str:
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))
