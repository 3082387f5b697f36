"""Mail templates as the API and the command line show them."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from changemaker_core.features.mailtemplates.catalogue import closest_shipped, templates_of
from changemaker_core.features.mailtemplates.declarations import check
from changemaker_core.features.mailtemplates.editing import content_of
from changemaker_core.features.mailtemplates.schemas import (
    ListedLanguage,
    ListedTemplate,
    ListedVariable,
    TemplateOut,
    TextOut,
    VersionOut,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from changemaker_core import MailTemplate, MailVariable, Site
    from changemaker_core.features.mailtemplates.queries import Stored

    Translate = Callable[[str], str]


def listed(site: Site, stored: Iterable[Stored], translate: Translate) -> list[ListedTemplate]:
    """Return all templates in each language of the site, and those that have a text of its own."""
    by_name: dict[str, dict[str, Stored]] = {}
    for each in stored:
        by_name.setdefault(each.name, {})[each.language] = each
    found = []
    for contribution in templates_of(site):
        template, own = contribution.item, by_name.get(contribution.item.name, {})
        offered = (each.replace("_", "-") for each in site.translations.locales)
        languages = dict.fromkeys((*offered, *sorted(own)))
        found.append(
            ListedTemplate(
                name=template.name,
                plugin=contribution.plugin.name,
                category=translate(template.category),
                title=translate(template.title),
                description=translate(template.description),
                languages=[
                    ListedLanguage(**_state(site, template, each, own.get(each), translate))
                    for each in languages
                ],
            )
        )
    return found


def detail(
    site: Site,
    template: MailTemplate,
    language: str,
    stored: Stored | None,
    translate: Translate,
) -> TemplateOut:
    """Return a template in one language, with all that an editor shows."""
    shipped = closest_shipped(site, template, language)
    content = content_of(stored) or shipped
    return TemplateOut(
        name=template.name,
        recent_sign_in=template.recent_sign_in,
        category=translate(template.category),
        title=translate(template.title),
        description=translate(template.description),
        subject=content.subject,
        text=content.text,
        shipped=TextOut(subject=shipped.subject, text=shipped.text),
        variables=[_variable(each, translate) for each in template.variables_by_name.values()],
        **_state(site, template, language, stored, translate),
    )


def version_out(stored: Stored) -> VersionOut:
    """Return a version, for the history."""
    return VersionOut(
        number=stored.number,
        source="shipped" if stored.text is None else "own",
        restores=stored.restores,
        changed_at=stored.changed_at,
        changed_by=stored.changed_by,
    )


def _state(
    site: Site,
    template: MailTemplate,
    language: str,
    stored: Stored | None,
    translate: Translate,
) -> dict[str, Any]:
    own = content_of(stored)
    shipped = closest_shipped(site, template, language)
    return {
        "language": language,
        "source": "shipped" if own is None else "own",
        "version": stored.number if stored else 0,
        "changed_at": stored.changed_at if stored else None,
        "changed_by": stored.changed_by if stored else "",
        "shipped_changed": bool(own and stored and stored.shipped_hash != shipped.hash),
        "mistakes": [translate(each.text) for each in check(template, own).mistakes] if own else [],
    }


def _variable(variable: MailVariable, translate: Translate) -> ListedVariable:
    sample = variable.sample
    return ListedVariable(
        name=variable.name,
        description=translate(variable.description),
        kind=variable.kind,
        sample=sample.isoformat() if isinstance(sample, datetime) else sample,
        required=translate(variable.required),
    )
