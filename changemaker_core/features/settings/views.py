"""Groups and versions as the API and the command line show them."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any

from babel import Locale

from changemaker_core.features.settings import services
from changemaker_core.features.settings.queries import versions
from changemaker_core.features.settings.schemas import (
    FieldChange,
    FieldOut,
    GroupOut,
    History,
    VersionOut,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence

    from changemaker_core import Site
    from changemaker_core.features.settings.queries import Version
    from changemaker_core.settings.fields import Field
    from changemaker_core.settings.reading import Group

    Translate = Callable[[str], str]


def choices_of(site: Site) -> dict[str, Iterable[str]]:
    """Return the values that kinds of fields can have on this site."""
    return {"locale": site.translations.locales}


def site_languages(site: Site) -> dict[str, str]:
    """Return the site's languages: what each is called in itself, by its code."""
    locales = {code: Locale.parse(code) for code in site.translations.locales}
    return {code: (each.display_name or code).capitalize() for code, each in locales.items()}


def group_out(site: Site, group: Group, locale: str) -> GroupOut:
    """Return a group with its values, in a person's language."""
    translate = partial(site.translations.translate, locale=locale)
    reading = site.settings.reading(group.name)
    choices = choices_of(site)
    stored = reading.stored
    return GroupOut(
        name=group.name,
        label=translate(group.declared.label),
        help=translate(group.declared.help),
        version=reading.version,
        changed_at=None if stored is None else stored.changed_at,
        changed_by=None if stored is None else stored.changed_by_name,
        recent_sign_in=group.declared.recent_sign_in,
        fields=[
            _field_out(group, field, reading.values, reading.problems, choices, translate)
            for field in group.fields.values()
        ],
    )


def _field_out(
    group: Group,
    field: Field,
    values: Any,
    problems: Any,
    choices: dict[str, Iterable[str]],
    translate: Translate,
) -> FieldOut:
    value, lock = getattr(values, field.name), group.locks.get(field.name)
    of_site = choices.get(field.kind)
    offered = list(field.choices if of_site is None else of_site)
    return FieldOut(
        name=field.name,
        label=translate(field.setting.label),
        help=translate(field.setting.help),
        section=translate(field.setting.section),
        kind=field.kind,
        value=None if field.is_secret else field.written(value),
        default=None if field.is_secret else field.written(field.default),
        is_set=value != field.default,
        locked=None if lock is None else lock.where,
        public=field.setting.public,
        choices=offered or None,
        schema=field.schema,
        problem=translate(problems[field.name]) if field.name in problems else None,
    )


def public_values(site: Site) -> dict[str, dict[str, Any]]:
    """Return the values that everybody may see, by group and field."""
    found = {}
    for group in site.settings.groups:
        values = site.settings.reading(group.name).values
        shown = {
            field.name: field.written(getattr(values, field.name))
            for field in group.fields.values()
            if field.setting.public
        }
        if shown:
            found[group.name] = shown
    return found


async def history_of(
    site: Site, group: Group, locale: str, before: int | None, limit: int
) -> History:
    """Return versions of a group below ``before``, the latest first."""
    below = services.LATEST if before is None else before
    rows = await site.db.all(versions(group.name, below, limit=limit + 1))
    translate = partial(site.translations.translate, locale=locale)
    shown = history(group, rows, limit, translate)
    return History(shown, shown[-1].version if len(rows) > limit else None)


def history(
    group: Group, rows: Sequence[Version], limit: int, translate: Translate
) -> list[VersionOut]:
    """Return the first ``limit`` of consecutive versions, each with what it changed.

    Of the oldest that is kept nobody knows what it changed, unless it is the first of all.
    """
    shown = []
    for row, before in zip(rows, [*rows, None][1:], strict=True):
        earlier = before.data if before is not None else {} if row.version == 1 else row.data
        changes = [
            FieldChange(name, translate(_label(group, name)), one, other)
            for name, one, other in services.differences(group, earlier, row.data)
        ]
        shown.append(
            VersionOut(
                version=row.version,
                changed_at=row.changed_at,
                changed_by=row.changed_by_name,
                restores=row.restores,
                changes=changes,
            )
        )
    return shown[:limit]


def _label(group: Group, name: str) -> str:
    field = group.fields.get(name)
    return name if field is None else field.setting.label
