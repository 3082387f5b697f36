"""Columns that look as if they held personal data, and belong to no declaration."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, NamedTuple

from changemaker_core.features.privacy.services import kinds_of

if TYPE_CHECKING:
    from collections.abc import Iterator

    import peewee

    from changemaker_core import Site

#: Of columns that can hold a text, by peewee's names of types.
_TEXTS: Final = ("CHAR", "VARCHAR", "TEXT", "JSON", "JSONB")
#: How the names of columns end that usually hold personal data.
_ENDINGS: Final = (
    *("address", "birthdate", "birthday", "email", "fax", "gender", "ip", "mobile", "name"),
    *("phone", "postcode", "street", "surname", "tel", "telephone", "zip"),
    *("date_of_birth", "ip_address", "postal_code", "user_agent", "zip_code"),
)


class Undeclared(NamedTuple):
    """A column that nobody would find at an export or an erasure."""

    plugin: str
    model: str
    column: str

    def __str__(self) -> str:
        return f"{self.model}.{self.column} of {self.plugin}"


def looks_personal(name: str) -> bool:
    """Return whether a column of this name usually holds personal data.

    >>> looks_personal("sender_email"), looks_personal("email_verified_at")
    (True, False)
    """
    return any(name == each or name.endswith(f"_{each}") for each in _ENDINGS)


def undeclared(site: Site) -> Iterator[Undeclared]:
    """Yield the columns that look personal, and are neither declared nor in ``Meta.not_personal``
    of their model."""
    declared = {_place(each) for kind in kinds_of(site) for each in kind.columns}
    for plugin, models in site.models().items():
        for model in models:
            harmless = getattr(model._meta, "not_personal", ())
            for field in model._meta.sorted_fields:
                if field.name in harmless or _place(field) in declared:
                    continue
                if looks_personal(field.name) and field.field_type in _TEXTS:
                    yield Undeclared(plugin, model.__name__, field.name)


def unknown_exemptions(site: Site) -> Iterator[Undeclared]:
    """Yield what ``Meta.not_personal`` names and no column is: a misspelling exempts nothing."""
    for plugin, models in site.models().items():
        for model in models:
            for name in getattr(model._meta, "not_personal", ()):
                if name not in model._meta.fields:
                    yield Undeclared(plugin, model.__name__, name)


def _place(field: peewee.Field[Any]) -> tuple[str, str]:
    return field.model._meta.table_name, field.column_name
