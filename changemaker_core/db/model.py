"""The base class of every table, and the check that models mean the same on both databases."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, ClassVar

import msgspec
import peewee

from changemaker_core.db.context import current_unit
from changemaker_core.db.errors import OutsideUnitOfWork
from changemaker_core.db.structs import selected, values_of
from changemaker_core.db.tracking import register_model
from changemaker_core.db.writes import Delete, Insert, Update
from changemaker_core.plugin.contributions import Claim, Kind

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from changemaker_core.db.writes import CompiledWrite


class CurrentDatabase(peewee.DatabaseProxy):
    """Every model's ``Meta.database``: that of the running unit of work.

    Outside of a unit of work it raises, so a model can never meet another site's database.
    """

    def __init__(self) -> None:
        self._callbacks: list[Any] = []

    @property
    def obj(self) -> peewee.Database | None:
        unit = current_unit.get()
        return None if unit is None else unit.database

    @obj.setter
    def obj(self, value: object) -> None:
        raise TypeError("the current database follows the unit of work; it cannot be set")

    def __getattr__(self, attr: str) -> Any:
        unit = current_unit.get()
        if unit is not None:
            return getattr(unit.database, attr)
        if attr.startswith("__"):
            raise AttributeError(attr)  # copy and inspect look for these
        raise OutsideUnitOfWork


current_database = CurrentDatabase()


class Model(peewee.Model):
    """A table, in the database of the running unit of work.

    Name the table ``<plugin>_<entity>`` in ``class Meta: table_name = …``.
    """

    class Meta:
        database = current_database
        legacy_table_names = False

    #: The SQL of this model's plain writes, by pattern: see ``writes``.
    compiled_writes: ClassVar[dict[Any, CompiledWrite]]

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        cls.compiled_writes = {}
        register_model(cls)

    @classmethod
    def select_for(
        cls, row: type[msgspec.Struct], /, **expressions: Any
    ) -> peewee.ModelSelect[Any]:
        """Return a select of the columns that the fields of ``row`` name.

        ``expressions`` are for its fields that are not columns of this model:

        >>> Event.select_for(EventOut, taken=fn.COUNT(SignUp.id)).join(SignUp).group_by(Event.id)

        None leaves a field at its default. Raises ``QueryRefused``, where the query is defined, for
        a name that is neither.
        """
        return cls.select(*selected(cls, row, expressions))

    @classmethod
    def insert(cls, data: Any = None, /, **values: Any) -> Insert:
        """Return an insert of one row, whose ``execute()`` returns the key.

        ``data`` may be a Struct whose fields are columns; ``values`` are added to it, and count
        where both name a column.
        """
        if isinstance(data, msgspec.Struct):
            data, values = None, {**values_of(cls, data), **values}
        if data is None and values.keys() <= cls._meta.fields.keys():
            return Insert(cls, values)
        return Insert(cls, cls._normalize_data(data, values))  # type: ignore[attr-defined]  # not in peewee's stubs

    @classmethod
    def update(cls, data: Any = None, /, **values: Any) -> Update:
        """Return an update, whose ``execute()`` returns how many rows ``where`` matched.

        ``data`` may be a Struct, as for ``insert``; its fields that are ``UNSET`` stay as they are.
        """
        if isinstance(data, msgspec.Struct):
            data, values = None, {**values_of(cls, data), **values}
        return Update(cls, cls._normalize_data(data, values))  # type: ignore[attr-defined]  # not in peewee's stubs

    @peewee.classmethod_only
    def delete(cls: type[peewee.Model]) -> Delete:
        """Return a delete, whose ``execute()`` returns how many rows ``where`` matched."""
        return Delete(cls)


#: Fields of peewee that do not mean the same on SQLite and PostgreSQL, and what to use instead.
_REFUSED: tuple[tuple[type[peewee.Field[Any]], str], ...] = (
    (peewee.DateTimeField, "drops the UTC offset on PostgreSQL; use UtcField"),
    (peewee.TimestampField, "has no time zone; use UtcField"),
    (peewee.UUIDField, "stores other text than the ids of this project; use UUIDField of core"),
    (peewee.BinaryUUIDField, "is bytes on SQLite; use UUIDField of core"),
    (peewee.JSONField, "stays with the first database that it is used on; use JSONField of core"),
)


def check_models(models: Iterable[type[peewee.Model]]) -> list[str]:
    """Return the problems of ``models``, one sentence each."""
    return [problem for model in models for problem in _check_model(model)]


def _check_model(model: type[peewee.Model]) -> list[str]:
    problems = []
    if not issubclass(model, Model):
        problems.append(f"{model.__name__} must derive from changemaker_core.Model")
    elif model._meta.database is not current_database:
        problems.append(f"{model.__name__} names a database of its own in class Meta")
    also_writes = getattr(model._meta, "also_writes", ())
    if isinstance(also_writes, str) or not all(isinstance(each, str) for each in also_writes):
        problems.append(f"{model.__name__}.Meta.also_writes must be a tuple of table names")
    for field in model._meta.sorted_fields:
        problems += _check_field(model, field)
    return problems


def _check_field(model: type[peewee.Model], field: peewee.Field[Any]) -> list[str]:
    if type(field).__module__.startswith("changemaker_core."):
        return []
    name = f"{model.__name__}.{field.name}"
    return [
        f"{name}: peewee's {kind.__name__} {why}"
        for kind, why in _REFUSED
        if isinstance(field, kind)
    ]


def _kind_problems(model: type) -> Iterator[tuple[str, str]]:
    if not issubclass(model, peewee.Model):
        yield f"{model.__name__} is not a model.", "Derive it from changemaker_core.Model."
        return
    for problem in check_models([model]):
        yield f"{problem}.", "Use core's own: they mean the same on SQLite and PostgreSQL."


def _claims(model: type[Model], plugin: str) -> Iterator[Claim]:
    yield Claim("table", model._meta.table_name, prefix=f"{plugin}_")


#: Models that plugins register.
MODELS: Kind[type[Model]] = Kind("cm_register_models", type, _claims, _kind_problems)
