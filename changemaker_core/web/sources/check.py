"""Every check of the files that pages are made of, over a whole site."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from changemaker_core.plugin.errors import BootFailed, PluginInvalid
from changemaker_core.web.assets.service_workers import SERVICE_WORKERS
from changemaker_core.web.assets.static import StaticFiles
from changemaker_core.web.folders import CORE, files_below, package_folders, search_folders
from changemaker_core.web.languages import is_language
from changemaker_core.web.sources.catalogues import parse
from changemaker_core.web.sources.code import named_templates
from changemaker_core.web.sources.fields import fields_of, forms_by_file
from changemaker_core.web.sources.problem import SourceProblem
from changemaker_core.web.sources.templates import TemplateSources
from changemaker_core.web.sources.texts import SourceText, texts_of_code, translated, untranslated
from changemaker_core.web.templates import Templates

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping
    from pathlib import Path

    from changemaker_core.site import Site

log = logging.getLogger(__name__)


def source_problems(site: Site) -> list[SourceProblem]:
    """Return every mistake in templates, in what they name, and in catalogues of a site.

    Nothing is rendered, and no database is needed.
    """
    packages = package_folders(site)
    named = [
        (owner, *each)
        for owner, folder in packages.items()
        if owner != CORE
        for each in named_templates(folder)
    ]
    # Not the site's own: doctor's site may have been asked for them before its plugins were there.
    static = StaticFiles(site)
    by_template: dict[str, set[Path]] = {}
    for _, file, _, name in named:
        by_template.setdefault(name, set()).add(file)
    fields = fields_of(by_template, forms_by_file(site))
    environment = Templates(site).environment("en", "", "UTC")
    sources = TemplateSources(environment, static.url, fields, _absent_plugins(site))
    return [
        *_worker_problems(site, static),
        *_template_problems(site, sources),
        *_absent_templates(named, sources),
        *_catalogue_problems(packages, sources),
    ]


def _absent_plugins(site: Site) -> set[str]:
    """The plugins that others come after, and that the site does not have."""
    plugins = site.loaded.plugins
    wanted = {name for plugin in plugins for name in plugin.instance.after}
    return wanted - {plugin.name for plugin in plugins}


def refuse_unsound(site: Site) -> None:
    """Raise ``BootFailed`` with every error of ``source_problems``; log its warnings."""
    problems = source_problems(site)
    for each in problems:
        if each.status == "warning":
            log.warning("%s: %s %s", each.owner, each, each.fix)
    errors = [
        PluginInvalid(each.owner, None, None, str(each), each.fix)
        for each in problems
        if each.status == "error"
    ]
    if errors:
        raise BootFailed(errors)


def _template_problems(site: Site, sources: TemplateSources) -> Iterator[SourceProblem]:
    for owner, folder in search_folders(site, "templates").items():
        for name in files_below(folder):
            yield from sources.problems(owner, name, folder / name)


def _absent_templates(
    named: Iterable[tuple[str, Path, int, str]], sources: TemplateSources
) -> Iterator[SourceProblem]:
    for owner, file, line, name in named:
        if (problem := sources.missing(name)) is not None:
            fix = "Correct the name, or add the template."
            yield SourceProblem("error", owner, file, line, problem, fix)


def _worker_problems(site: Site, static: StaticFiles) -> Iterator[SourceProblem]:
    for contribution in site.loaded.contributions(SERVICE_WORKERS):
        worker, plugin = contribution.item, contribution.plugin
        for path in (worker.script, *worker.precache):
            if static.find(path) is None:
                problem = f"The service worker {worker.name!r} names no static file: {path!r}."
                fix = "Correct the path, or add the file."
                yield SourceProblem("error", plugin.name, plugin.folder, 0, problem, fix)


def _catalogue_problems(
    packages: Mapping[str, Path], sources: TemplateSources
) -> Iterator[SourceProblem]:
    for owner, folder in packages.items():
        sound = []
        for file in sorted(folder.glob("locale/*/LC_MESSAGES/*.po")):
            if (problem := _misplaced(owner, file)) is not None:
                yield SourceProblem("warning", owner, file, 0, *problem)
            else:
                yield from parse(owner, file)[1]
                sound.append(file)
        if sound and owner != CORE:  # core's own is complete: a test of this project
            texts = _texts(folder, sources)
            for file in sound:
                known = _translated_by_core(packages, file.parent.parent.name)
                yield from untranslated(owner, file, texts, known)


def missing_texts(site: Site, owner: str, language: str) -> list[SourceText]:
    """Return the texts of a plugin that neither its catalogue nor core's translates.

    A catalogue that cannot be read translates nothing.
    """
    packages = package_folders(site)
    static = StaticFiles(site)
    sources = TemplateSources(Templates(site).environment("en", "", "UTC"), static.url, {})
    file = catalogue_of(packages[owner], owner, language)
    known = _translated_by_core(packages, language)
    if file.is_file():
        known |= translated(owner, file) or frozenset()
    texts = _texts(packages[owner], sources)
    return [each for text, each in texts.items() if text and text not in known]


def catalogue_of(folder: Path, owner: str, language: str) -> Path:
    """Return where the catalogue of a package for a language is, or would be."""
    return folder / "locale" / language / "LC_MESSAGES" / f"{owner}.po"


def _translated_by_core(packages: Mapping[str, Path], language: str) -> frozenset[str]:
    file = catalogue_of(packages[CORE], CORE, language)
    return (translated(CORE, file) if file.is_file() else None) or frozenset()


def _texts(folder: Path, sources: TemplateSources) -> dict[str, SourceText]:
    """Return the texts of a package's code and templates, each at the place that comes first."""
    found: dict[str, SourceText] = {}
    templates = folder / "templates"
    in_templates = (
        each for name in files_below(templates) for each in sources.texts(name, templates / name)
    )
    for each in (*texts_of_code(folder), *in_templates):
        found.setdefault(each.text, each)
    return found


def _misplaced(owner: str, file: Path) -> tuple[str, str] | None:
    """Return why a catalogue is never read, and where it would be."""
    language = file.parent.parent.name
    if not is_language(language):
        return f"There is no language {language!r}.", "Name the folder by a code such as fr."
    if file.stem != owner:
        return f"It is not read: its name is not {owner}.po.", f"Rename it to {owner}.po."
    return None
