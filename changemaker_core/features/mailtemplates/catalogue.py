"""The mail templates of a site, found by name, and languages as people write them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from babel import Locale

from changemaker_core import did_you_mean
from changemaker_core.features.mailtemplates.declarations import SOURCE, Content, MailTemplate
from changemaker_core.web.languages import is_language

if TYPE_CHECKING:
    from changemaker_core import Contribution, Site


class UnknownTemplate(LookupError):
    """No plugin of the site has a mail template of this name."""


class UnknownLanguage(LookupError):
    """There is no language of this code."""


def templates_of(site: Site) -> list[Contribution[MailTemplate]]:
    """Return the mail templates of all plugins, in dependency order."""
    return site.call_hook("mailtemplates_register_templates", site=site)


def template_of(site: Site, name: str) -> MailTemplate:
    """Return the template of a name. Raises ``UnknownTemplate``, with a suggestion."""
    known = {each.item.name: each.item for each in templates_of(site)}
    if name not in known:
        hint = did_you_mean(name, known)
        raise UnknownTemplate(f"There is no mail template {name!r}.{hint}")
    found: MailTemplate = known[name]
    return found


def language_of(code: str) -> str:
    """Return a language as it is stored: ``fr``, ``fr-CA``. Raises ``UnknownLanguage``.

    >>> language_of("FR_ca"), language_of("zh-hans")
    ('fr-CA', 'zh-Hans')
    """
    primary, *others = code.replace("_", "-").split("-")
    parts = [primary.lower(), *(each.title() if len(each) > 3 else each.upper() for each in others)]
    if not is_language("_".join(parts)):
        raise UnknownLanguage(f"There is no language {code[:20]!r}. Write a code such as fr.")
    return str(Locale.parse("_".join(parts))).replace("_", "-")  # fra is fr


def closest_shipped(site: Site, template: MailTemplate, language: str) -> Content:
    """Return the shipped text that a language is written in place of: its own, or the closest."""
    for candidate in template.candidates(site, (), language):
        return candidate.content
    raise LookupError(f"{template.name} has no text in {SOURCE}")
