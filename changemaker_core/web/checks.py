"""What ``changemaker doctor`` checks of the public pages."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core.diagnostics import Check, Finding
from changemaker_core.web.declarations import HOME_PAGES
from changemaker_core.web.languages import own_name
from changemaker_core.web.sources import source_problems
from changemaker_core.web.sources.overrides import overrides
from changemaker_core.web.translations import SOURCE, Translations

if TYPE_CHECKING:
    from collections.abc import Iterator

    from changemaker_core.site import Site


def checks() -> list[Check]:
    """Return the checks of this room."""
    return [
        Check("home page", check_home_page, keys=("home_page",)),
        Check("page sources", check_sources),
        Check("overrides", check_overrides),
        Check("languages", check_languages),
    ]


def check_home_page(site: Site) -> Iterator[Finding]:
    """Tell what ``/`` leads to, and warn where several plugins offer a home page."""
    offered = [f"{c.item.path} ({c.plugin.name})" for c in site.loaded.contributions(HOME_PAGES)]
    fix = "Set home_page to the path that visitors should see first."
    if site.home_page is None:
        yield Finding("warning", "No plugin offers a home page: / responds with 404.", fix)
    elif site.config.home_page is None and len(offered) > 1:
        detail = f"Several plugins offer a home page: {', '.join(offered)}. / leads to the first."
        yield Finding("warning", detail, fix)
    else:
        yield Finding("ok", f"/ leads to {site.home_page}.")


def check_sources(site: Site) -> Iterator[Finding]:
    """Report mistakes in templates, in what they name, and in catalogues."""
    problems = source_problems(site)
    for each in problems:
        yield Finding(each.status, f"{each.owner}: {each}", each.fix)
    if not problems:
        yield Finding("ok", "Templates, the static files that they name, and catalogues are sound.")


def check_overrides(site: Site) -> Iterator[Finding]:
    """List the files that are used instead of a package's own, and those that override nothing."""
    found, problems = overrides(site)
    for problem in problems:
        yield Finding("warning", f"{problem.owner}: {problem}", problem.fix)
    if found:
        yield Finding("ok", f"Used instead of the original: {'; '.join(map(str, found))}.")


def check_languages(site: Site) -> Iterator[Finding]:
    """Tell the site's languages, and which plugin's pages are not translated into which."""
    offered = Translations(site).locales  # not the site's own, which may be core's alone
    default = site.default_locale
    if default not in offered:
        detail = f"default_locale is {default!r}, and no package has a catalogue of it."
        yield Finding("warning", detail, f"Choose one of {', '.join(offered)}.")
    for plugin in site.loaded.plugins:
        name, folder = plugin.name, plugin.folder
        if plugin.core or not (folder / "templates").is_dir():
            continue  # core's features say their texts in core's own catalogue
        lacking = [
            language
            for language in offered
            if language != SOURCE
            and not (folder / "locale" / language / "LC_MESSAGES" / f"{name}.po").is_file()
        ]
        if lacking:
            detail = f"{name} is not translated into {', '.join(map(own_name, lacking))}."
            command = f"changemaker translations make {name} {lacking[0]}"
            fix = f"`{command}` begins a catalogue; until then it is in English."
            yield Finding("warning", detail, fix)
    yield Finding("ok", f"The site is offered in {', '.join(map(own_name, offered))}.")
