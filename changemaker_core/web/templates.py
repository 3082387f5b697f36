"""Jinja templates of core and plugins, rendered in a reader's language."""

from __future__ import annotations

import hashlib
import traceback
from functools import lru_cache, partial
from typing import TYPE_CHECKING, Any, Final

from jinja2 import (
    BaseLoader,
    ChoiceLoader,
    Environment,
    FileSystemLoader,
    PrefixLoader,
    StrictUndefined,
    UndefinedError,
    select_autoescape,
)

from changemaker_core.settings.own import Appearance, Organisation, Regional
from changemaker_core.web import filters, languages
from changemaker_core.web.addresses import absolute_url, with_query
from changemaker_core.web.folders import search_folders
from changemaker_core.web.images.markup import image_markup
from changemaker_core.web.menu import Menu
from changemaker_core.web.metadata import head_of

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from changemaker_core.site import Site
    from changemaker_core.web.metadata import Head
    from changemaker_core.web.pages import PageMetadata


class DiffersBetweenVisitors(UndefinedError):
    """A template that is rendered once for all visitors uses what differs between them."""


_REFUSED: Final = {
    name: StrictUndefined(
        f"{name!r} differs between visitors, and this text is made once for all of them. Leave it"
        " out of the template, or remove cache= from the page's @endpoint.",
        name=name,
        exc=DiffersBetweenVisitors,
    )
    for name in ("actor", "csrf", "flash")
}


class SiteFacts:
    """The part of the site that templates see: nothing secret.

    ``url(path)`` returns the absolute address of a path, for mails and previews; ``short_name``,
    ``logo``, ``footer_in(locale)`` and ``has_privacy_notice`` are what organisers set for every
    page; ``colors`` is the path of the style sheet with their colours, if they chose any, and
    ``brand`` the main one, for mail.
    """

    def __init__(self, site: Site) -> None:
        self.base_url = site.config.base_url
        self.development = site.config.development
        self._settings = site.settings
        self.update()

    def update(self) -> None:
        """Take what is set at present. Not for templates."""
        organisation = self._settings.current(Organisation)
        self.organisation = organisation.name
        self.short_name = organisation.shown_name
        self.logo = organisation.logo
        self._footer = {
            locale: filters.paragraphs(text) for locale, text in organisation.footer.items()
        }
        self._default_locale = self._settings.current(Regional).default_locale
        self.has_privacy_notice = bool(organisation.privacy)
        appearance = self._settings.current(Appearance)
        self.colors, self.brand = colors_path(appearance.stylesheet), appearance.brand
        self.time_zone = self._settings.current(Regional).time_zone

    def url(self, path: str) -> str:
        return absolute_url(self.base_url, path)

    def footer_in(self, locale: str) -> list[str]:
        """Return the paragraphs at the bottom of each page, in a language that they have."""
        return self._footer.get(locale) or self._footer.get(self._default_locale) or []


def colors_path(stylesheet: str) -> str | None:
    """Return the path of the style sheet with the organisation's colours, which has their hash;
    None where there is none."""
    digest = hashlib.blake2b(stylesheet.encode(), digest_size=8).hexdigest()
    return f"/colors/{digest}.css" if stylesheet else None


class Templates:
    """The site's templates: core's own, and each plugin's under ``<plugin>/``.

    The first of these has a template: the site folder, the plugins from the last in load order to
    the first, core. ``"<plugin>:<name>"`` is the one of that plugin (``core:``, ``site:``), which
    an override extends: ``{% extends "petitions:petitions/list.html" %}``.

    Every template has ``_``, ``ngettext``, ``static(path)``, ``url(path)``, ``site`` (a
    :class:`SiteFacts`), ``locale``, ``path``, ``navigation`` (the menu), ``languages`` (the switch)
    and the filters of ``filters.py``. A page also has ``actor``, ``csrf`` and ``flash``, which
    differ between visitors: using one in a cached page raises :class:`DiffersBetweenVisitors`.
    Everything is escaped except in ``.txt`` templates; a name that is not defined is an error.
    """

    def __init__(self, site: Site) -> None:
        config = site.config
        self._site = site
        self._translations = site.translations
        self._static = site.static
        self._navigation = [each for each in site.navigation if each.permission is None]
        self._menu = Menu(each for each in site.navigation if each.permission)
        self._loader = _loader(search_folders(site, "templates"))
        self._reload = config.development
        self._facts = SiteFacts(site)
        # One environment for each language, mount prefix and zone, so that macros need no context.
        self.environment = lru_cache(maxsize=16)(self._build_environment)
        site.settings.follow(self._facts.update)

    def render(
        self,
        name: str,
        context: Mapping[str, Any],
        *,
        locale: str,
        root_path: str = "",
        path: str = "",
        query: str = "",
        of_visitor: Mapping[str, Any] | None = None,
        metadata: PageMetadata | None = None,
    ) -> str:
        """Return a template as text.

        ``path`` and ``query`` are the request's, for the menu and the language switch;
        ``of_visitor`` are the names that differ between visitors, ``None`` where all get one text.
        """
        template = self.environment(locale, root_path, self._facts.time_zone).get_template(name)
        found = {
            "languages": languages.links(locale, query, self._translations.locales),
            "menu_counts": {},
            "path": path,
            "this_page": partial(with_query, query),
            "metadata": metadata and self._head(metadata, locale, path, query),
        }
        names = _REFUSED if of_visitor is None else of_visitor
        try:
            return template.render({**found, **names, **context})
        except DiffersBetweenVisitors as error:
            raise DiffersBetweenVisitors(f"{_place_of(error)}: {error}") from error

    def _head(self, metadata: PageMetadata, locale: str, path: str, query: str) -> Head:
        locales = self._translations.locales
        return head_of(
            metadata,
            base_url=self._facts.base_url,
            path=path,
            shown_in=languages.shown_in(query, locales),
            locales=locales,
            translate=partial(self._translations.translate, locale=locale),
        )

    def _build_environment(self, locale: str, root_path: str, time_zone: str) -> Environment:
        environment = Environment(
            loader=self._loader,
            autoescape=select_autoescape(default=True, disabled_extensions=("txt",)),
            undefined=StrictUndefined,
            auto_reload=self._reload,
            trim_blocks=True,
            lstrip_blocks=True,
            keep_trailing_newline=True,
        )
        environment.globals.update(self._globals(locale, root_path))
        environment.filters.update(
            filters.for_locale(self._translations.formats(locale), time_zone)
        )
        return environment

    def _globals(self, locale: str, root_path: str) -> dict[str, Any]:
        prefix = root_path.rstrip("/")
        return {
            "_": partial(self._translations.translate, locale=locale),
            "ngettext": partial(self._translations.ngettext, locale=locale),
            "static": lambda path: self._static.url(path, prefix),
            "url": lambda path: prefix + path,
            "image": partial(image_markup, prefix=prefix),
            "service_worker": lambda name: self._site.service_workers.markup(name, prefix),
            "site": self._facts,
            "navigation": self._navigation,
            "organiser_menu": self._menu,
            "locale": locale,
        }


def _place_of(error: Exception) -> str:
    """Return file and line of the innermost template that an error was raised in."""
    places = [
        f"{frame.filename}:{frame.lineno}"
        for frame in traceback.extract_tb(error.__traceback__)
        if frame.filename.endswith((".html", ".txt"))
    ]
    return places[-1] if places else "a template"


def _loader(folders: Mapping[str, Path]) -> BaseLoader:
    """Return what finds a template in the first folder that has it, or in that of ``owner:``."""
    by_owner = {owner: FileSystemLoader(folder) for owner, folder in folders.items()}
    return ChoiceLoader([FileSystemLoader(list(folders.values())), PrefixLoader(by_owner, ":")])
