"""Catalogues in other languages, read as translators write them (``.po``)."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING, Any

from babel.numbers import format_decimal
from babel.support import NullTranslations
from markupsafe import Markup, escape

from changemaker_core.settings.own import Regional
from changemaker_core.text import Text
from changemaker_core.web.folders import package_folders
from changemaker_core.web.languages import is_language, negotiate, own_name, regional_locale
from changemaker_core.web.sources.catalogues import read_catalogue

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from babel import Locale

    from changemaker_core.site import Site

#: The language that the sources are written in; it needs no catalogue.
SOURCE = "en"


class Translations:
    """Every plugin's catalogue, read from ``<folder>/locale/<language>/LC_MESSAGES/<name>.po``.

    A language is read when it is first used. Where two catalogues translate one message, the
    earlier plugin's wins, core's before all. A translation that does not fit its source is logged
    once, and the source is shown.
    """

    def __init__(self, site: Site) -> None:
        self._folders = package_folders(site)
        self._catalogues: dict[str, NullTranslations] = {SOURCE: NullTranslations()}
        self._lock = threading.Lock()
        #: Languages that the site is offered in, English first.
        self.locales: tuple[str, ...] = self._find_locales()
        #: The language of visitors whose own is unknown.
        self.default = SOURCE
        self._on_new_default: list[Callable[[], None]] = []
        self._settings = site.settings
        site.settings.follow(self._use_default)
        offered = (plugin.instance.region for plugin in site.loaded.plugins)
        #: The country whose formats of dates and numbers are used, if any.
        self.region: str | None = site.config.region or next(filter(None, offered), None)

    def _use_default(self) -> None:
        chosen = self._settings.current(Regional).default_locale
        self.default = chosen if chosen in self.locales else SOURCE
        for callback in self._on_new_default:
            callback()

    def on_new_default(self, callback: Callable[[], None]) -> None:
        """Call ``callback`` when ``default`` may have changed, on any thread."""
        self._on_new_default.append(callback)

    def _find_locales(self) -> tuple[str, ...]:
        found = {
            file.parent.parent.name
            for name, folder in self._folders.items()
            for file in folder.glob(f"locale/*/LC_MESSAGES/{name}.po")
        }
        return (SOURCE, *sorted(filter(is_language, found - {SOURCE})))

    def language_names(self) -> dict[str, str]:
        """Return the languages of the site by their code, each under its own name."""
        return {code: own_name(code) for code in self.locales}

    def formats(self, language: str) -> Locale:
        """Return the locale whose formats of dates and numbers ``language`` uses on this site."""
        return regional_locale(language, self.region)

    def negotiate(self, accept_language: str | None, cookie: str | None) -> str:
        """The site's language that suits a reader best; see ``languages.negotiate``."""
        return negotiate(accept_language, cookie, self.locales, self.default)

    def translate(self, text: str, locale: str, **params: Any) -> str:
        """``text`` in ``locale``, its ``{names}`` filled in; English where it has no translation.

        A :class:`~changemaker_core.text.Text` brings its own parameters, and those that are
        ``Text`` are translated too. Where a parameter is ``Markup``, the rest is escaped and the
        result is ``Markup``.
        """
        if not text:
            return ""
        message, own = (text.message, text.params) if isinstance(text, Text) else (text, {})
        for name, value in own.items():
            if isinstance(value, Text):
                own = {**own, name: self.translate(value, locale)}
        return _fill(self._catalogue(locale).gettext(message), {**own, **params})

    def ngettext(self, singular: str, plural: str, count: int, locale: str, **params: Any) -> str:
        """The form that ``count`` takes in ``locale``; ``{count}`` is written with separators."""
        message = self._catalogue(locale).ngettext(singular, plural, count)
        written = format_decimal(count, locale=self.formats(locale))
        return _fill(message, {"count": written, **params})

    def _catalogue(self, locale: str) -> NullTranslations:
        if locale not in self._catalogues:
            with self._lock:
                if locale not in self._catalogues:
                    self._catalogues[locale] = self._read(locale)
        return self._catalogues[locale]

    def _read(self, locale: str) -> NullTranslations:
        merged = NullTranslations()
        for name, folder in self._folders.items():
            file = folder / "locale" / locale / "LC_MESSAGES" / f"{name}.po"
            if file.is_file() and (catalogue := read_catalogue(name, file)) is not None:
                merged.add_fallback(catalogue)
        return merged


def _fill(message: str, params: Mapping[str, Any]) -> str:
    if not params:
        return message
    if any(isinstance(value, Markup) for value in params.values()):
        return Markup(escape(message)).format(**params)  # noqa: S704  # escaped on this line
    return message.format(**params)
