"""What ``changemaker doctor`` checks of mail templates, and what a plugin's own tests check."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import Check, Finding
from changemaker_core.features.mailtemplates.catalogue import closest_shipped, templates_of
from changemaker_core.features.mailtemplates.declarations import Content, check
from changemaker_core.features.mailtemplates.queries import current_versions

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from changemaker_core import MailTemplate, Site
    from changemaker_core.features.mailtemplates.queries import Stored


def checks() -> list[Check]:
    """Return the checks of this feature."""
    return [
        Check("mailtemplates.shipped", check_shipped),
        Check("mailtemplates.changed", check_changed, requires=("migrations",)),
    ]


def shipped_mistakes(site: Site) -> Iterator[tuple[str, str]]:
    """Yield each mistake in what plugins ship, with the name and language of the template."""
    for contribution in templates_of(site):
        template = contribution.item
        for language in site.translations.locales:
            content = template.shipped(site, language)
            for mistake in check(template, content).mistakes if content else ():
                yield f"{template.name} in {language}", str(mistake)


def check_shipped(site: Site) -> Iterator[Finding]:
    """Report translations of plugins that are not used, since they have a mistake."""
    for name, mistake in shipped_mistakes(site):
        fix = "Correct it in the plugin's catalogue; until then the mail is in English."
        yield Finding("warning", f"The shipped text of {name} has a mistake ({mistake}).", fix)


def check_changed(site: Site) -> Iterator[Finding]:
    """Report what organisers have changed and is not sent, or no longer fits what is shipped."""
    known = {each.item.name: each.item for each in templates_of(site)}
    changed = [each for each in _stored(site) if each.subject is not None]
    for stored in changed:
        template = known.get(stored.name)
        if template is not None:
            yield from _findings(site, template, stored)
    if changed:
        yield Finding("ok", f"Texts of mail that are this site's own: {len(changed)}.")


def _findings(site: Site, template: MailTemplate, stored: Stored) -> Iterator[Finding]:
    name, language = stored.name, stored.language
    edit = f"changemaker mail-templates edit {name} {language}"
    content = Content(stored.subject or "", stored.text or "")
    if mistakes := check(template, content).mistakes:
        detail = f"The text of {name} in {language} is not sent: {mistakes[0]}"
        yield Finding("error", detail, f"Correct it with `{edit}`; the shipped text is sent now.")
    elif closest_shipped(site, template, language).hash != stored.shipped_hash:
        detail = f"The shipped text of {name} in {language} has changed since yours was written."
        yield Finding("warning", detail, f"Compare the two with `{edit}`, and save yours again.")


def _stored(site: Site) -> Iterable[Stored]:
    return site.db.sync.all(current_versions())
