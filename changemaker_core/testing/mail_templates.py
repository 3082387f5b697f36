"""One test for all mail templates of a plugin."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from changemaker_core import Site


def check_mail_templates(site: Site) -> None:
    """Raise ``AssertionError`` where a mail template of a site's plugins is not as it must be.

    Its text in each language has no mistake, and a mail can be made of it and the samples.
    """
    from changemaker_core.features.mailtemplates.catalogue import templates_of
    from changemaker_core.features.mailtemplates.checks import shipped_mistakes
    from changemaker_core.features.mailtemplates.declarations import check

    problems = [f"{name}: {mistake}" for name, mistake in shipped_mistakes(site)]
    if problems:
        raise AssertionError("\n".join(problems))
    for template in (each.item for each in templates_of(site)):
        for language in site.translations.locales:
            content = template.shipped(site, language)
            if content is not None:
                template.render(site, check(template, content), template.samples(site), language)
