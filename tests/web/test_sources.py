"""Mistakes in templates, in code that names them, and in catalogues are found before a visitor."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

import pytest

from changemaker_admin.plugin import AdminPlugin
from changemaker_core import Config, Site, create_app
from changemaker_core.plugin.errors import BootFailed
from changemaker_core.web.checks import check_languages, check_sources
from changemaker_core.web.sources import SourceProblem, source_problems
from changemaker_core.web.sources.catalogues import parse
from changemaker_core.web.sources.check import catalogue_of, missing_texts
from changemaker_core.web.sources.making import add_entries
from changemaker_influence.plugin import InfluencePlugin

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path
    from types import SimpleNamespace

    from changemaker_core import Plugin
    from changemaker_core.web.sources.texts import SourceText

PAGE = "templates/garden/page.html"
MACROS = "{% macro input(name, label='x') %}{% endmacro %}{% set shown = 3 %}"
BASE = "{% block title %}{% endblock %}{% block content %}{% endblock %}"


@pytest.fixture
def problems(
    tmp_path: Path, site_of: Callable[..., SimpleNamespace]
) -> Callable[..., list[SourceProblem]]:
    """``problems("templates/garden/page.html", text, …)``: those of a plugin with these files."""

    def of(*files: str) -> list[SourceProblem]:
        for name, text in zip(files[::2], files[1::2], strict=True):
            path = tmp_path / "garden" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8")
        return source_problems(site_of(("garden", tmp_path / "garden")))

    return of


#: A template of a plugin, the line of its mistake, and a part of the report.
TEMPLATES = {
    "syntax": ("{{ a }}\n{% if a %}", 2, "Unexpected end of template"),
    "expression": ("<p>\n{{ a + }}", 2, "unexpected 'end of print"),
    "unknown tag": ("{% iff a %}{% endif %}", 1, "unknown tag 'iff'"),
    "block twice": ("{% block a %}{% endblock %}\n{% block a %}{% endblock %}", 2, "defined twice"),
    "filter": ("\n{{ a|datetme }}", 2, "no filter 'datetme'. Did you mean 'datetime'?"),
    "filter in a condition": ("{% if a %}{{ a|nope }}{% endif %}", 1, "no filter 'nope'"),
    "test": ("{{ 1 if a is definde }}", 1, "no test 'definde'. Did you mean 'defined'?"),
    "extends": ('{% extends "frames/pubic.html" %}', 1, "'frames/public.html'?"),
    "include": ('\n\n{% include "garden/nav.html" %}', 3, "no template 'garden/nav.html'"),
    "import": ('{% import "macros/form.html" as f %}', 1, "Did you mean 'macros/forms.html'?"),
    "from import": ('{% from "garden/m.html" import imput %}', 1, "Did you mean 'input'?"),
    "macro": ('{% import "garden/m.html" as m %}\n{{ m.imput("a") }}', 2, "no macro 'imput'"),
    "form without a token": (
        '{% extends "frames/admin.html" %}{% block content %}\n'
        "<form method='get'></form>\n"
        '<form method="post">{{ csrf }}</form>\n'
        '<form action="{{ url(\'/a\') }}" method="post"></form>{% endblock %}',
        4,
        "This form has no token",
    ),
    "keyword": ('{% import "garden/m.html" as m %}{{ m.input("a", lable="b") }}', 1, "'label'?"),
    "arguments": (
        '{% import "garden/m.html" as m %}{{ m.input(1, 2, 3) }}',
        1,
        "2 arguments,",
    ),
    "static file": ("\n{{ static('garden/a.cs') }}", 2, "Did you mean 'garden/a.css'?"),
    "function": (
        "{{ statics('garden/a.css') }}",
        1,
        "Did you mean 'static'?",
    ),
    "site": ("{{ site.organization }}", 1, "Did you mean 'organisation'?"),
    "placeholder": ("{{ _('Hello {name}') }}", 1, "needs a value for name"),
    "plural": ("{{ ngettext('{count} in {x}', '{count} in {x}', 1) }}", 1, "a value for x"),
    "lost block": (
        '{% extends "garden/b.html" %}{% block contents %}x{% endblock %}',
        1,
        "'content'?",
    ),
}


@pytest.mark.parametrize("case", TEMPLATES)
def test_a_mistake_in_a_template_has_its_file_and_line(
    problems: Callable[..., list[SourceProblem]], case: str
) -> None:
    text, line, report = TEMPLATES[case]
    (found,) = problems(
        PAGE, text, "templates/garden/m.html", MACROS, "templates/garden/b.html", BASE,
        "static/garden/a.css", "a{}",
    )  # fmt: skip
    assert (found.status, found.owner, found.line) == ("error", "garden", line)
    assert report in found.problem
    assert found.place.endswith(f"{PAGE}:{line}")


SOUND = """
{% extends layout if layout else "garden/b.html" %}
{% import "garden/m.html" as m %}
{% from "garden/m.html" import input, shown as number %}
{% include "garden/perhaps.html" ignore missing %}
{% include ["garden/perhaps.html", "garden/b.html"] %}
{% block content %}{% block inner %}{{ m.input("a", label="b") }}{{ m.shown }}{% endblock %}
{{ _("Hello {name}", name=person) }} {{ _("100 {%}") }} {{ _(title) }}
{{ ngettext("one tree", "{count} trees", 3) }} {{ static(path) }} {{ statistics() }}
{{ site.url("/x") }}{% endblock %}
"""


def test_a_sound_template_has_no_problem(problems: Callable[..., list[SourceProblem]]) -> None:
    assert not problems(
        PAGE, SOUND, "templates/garden/m.html", MACROS, "templates/garden/b.html", BASE
    )


def test_a_file_that_is_no_python_has_no_texts(
    problems: Callable[..., list[SourceProblem]],
) -> None:
    skeleton = "from {{ name }} import TemplateResponse, Text("
    assert problems(PAGE, "", "skeleton/plugin.py", skeleton) == []


def test_every_mistake_is_reported_at_once(problems: Callable[..., list[SourceProblem]]) -> None:
    text = "{{ a|one }}\n{{ a|two }}\n{{ static('no') }}\n{% include 'no.html' %}"
    found = problems(PAGE, text, "templates/garden/other.html", "{% if %}")
    assert [each.line for each in found] == [1, 1, 2, 3, 4]


def test_code_names_templates_that_exist(problems: Callable[..., list[SourceProblem]]) -> None:
    code = (
        "def page(site):\n"
        "    site.templates.render('garden/mial.txt', {})\n"
        "    return TemplateResponse('garden/pages.html', {})\n"
    )
    found = problems("pages.py", code, PAGE, "", "templates/garden/mail.txt", "")
    assert [(each.line, each.problem) for each in found] == [
        (2, "There is no template 'garden/mial.txt'. Did you mean 'garden/mail.txt'?"),
        (3, "There is no template 'garden/pages.html'. Did you mean 'garden/page.html'?"),
    ]


HEADER = (
    'msgid ""\nmsgstr ""\n"Content-Type: text/plain; charset=utf-8\\n"\n'
    '"Plural-Forms: nplurals=2; plural=(n > 1);\\n"\n\n'
)
PO = "locale/fr/LC_MESSAGES/garden.po"
PLURAL = 'msgid "{count} tree of {name}"\nmsgid_plural "{count} trees of {name}"\n'

#: A catalogue, the line of its mistake, and a part of the report.
CATALOGUES = {
    "renamed": (HEADER + 'msgid "Hi {name}"\nmsgstr "Salut {nom}"\n', 6, "no placeholder {nom}"),
    "missing": (HEADER + 'msgid "Hi {name}"\nmsgstr "Salut"\n', 6, "{name} is missing"),
    "attribute": (HEADER + 'msgid "Hi {x}"\nmsgstr "{x.__class__}"\n', 6, "{x.__class__}"),
    "format": (HEADER + 'msgid "{n} left"\nmsgstr "{n:d}"\n', 6, "no placeholder {n:d}"),
    "brace": (HEADER + 'msgid "Hi {name}"\nmsgstr "Salut {name"\n', 6, "not closed"),
    "plural": (HEADER + PLURAL + 'msgstr[0] "un"\nmsgstr[1] "{count}"\n', 6, "{name} is missing"),
    "plural form": (HEADER + PLURAL + 'msgstr[0] "un de {name}"\n', 6, "msgstr[1] is empty"),
    "quotes": (HEADER + 'msgid "a\nmsgstr "b"\n', 6, "not part of a catalogue"),
    "rubbish": (HEADER + 'msgid "a"\nmsgstr b\n', 7, "not part of a catalogue"),
    "no msgstr": (HEADER + 'msgid "a"\nmsgid "b"\nmsgstr "c"\n', 6, "missing msgstr"),
    "charset": (
        HEADER.replace("utf-8", "klingon") + 'msgid "a"\nmsgstr "b"\n',
        1,
        "unknown encoding",
    ),
    "rule": (HEADER.replace("(n > 1)", "(n >"), 1, "rule of Plural-Forms"),
    "too few forms": (HEADER.replace("(n > 1)", "n"), 1, "nplurals=2"),
}


@pytest.mark.parametrize("case", CATALOGUES)
def test_a_mistake_in_a_catalogue_is_reported_and_the_source_is_shown(
    problems: Callable[..., list[SourceProblem]],
    tmp_path: Path,
    site_of: Callable[..., SimpleNamespace],
    caplog: pytest.LogCaptureFixture,
    case: str,
) -> None:
    text, line, report = CATALOGUES[case]
    (found,) = problems(PO, text)
    assert (found.status, found.line) == ("warning", line)
    assert report in found.problem

    site = site_of(("garden", tmp_path / "garden"))
    with caplog.at_level(logging.WARNING):
        for _ in range(2):
            said = site.translations.translate("Hi {name}", "fr", name="Ada")
            assert said == "Hi Ada"
            trees = "{count} tree of {name}", "{count} trees of {name}"
            assert site.translations.ngettext(*trees, 2, "fr", name="Ada") == "2 trees of Ada"
    assert [each.levelname for each in caplog.records] == ["WARNING"]
    assert f"garden.po:{line}" in caplog.text


def test_only_the_wrong_translation_is_left_out(
    tmp_path: Path, site_of: Callable[..., SimpleNamespace], problems: Any
) -> None:
    problems(PO, CATALOGUES["renamed"][0] + 'msgid "Tree"\nmsgstr "Arbre"\n')
    translations = site_of(("garden", tmp_path / "garden")).translations
    assert translations.translate("Tree", "fr") == "Arbre"


def test_a_catalogue_with_windows_line_ends_and_a_mark_is_read(
    tmp_path: Path, site_of: Callable[..., SimpleNamespace], problems: Any
) -> None:
    text = ("\ufeff" + HEADER + 'msgid "Tree"\nmsgstr "Arbre…"\n').replace("\n", "\r\n")
    assert problems(PO, text) == []
    translations = site_of(("garden", tmp_path / "garden")).translations
    assert translations.translate("Tree", "fr") == "Arbre…"


@pytest.mark.parametrize(
    ("path", "report"),
    [
        ("locale/french/LC_MESSAGES/garden.po", "no language 'french'"),
        ("locale/fr/LC_MESSAGES/gardens.po", "its name is not garden.po"),
    ],
)
def test_a_catalogue_in_a_wrong_place_is_reported(problems: Any, path: str, report: str) -> None:
    (found,) = problems(path, HEADER)
    assert report in found.problem


@pytest.fixture
def missing(
    problems: Any, tmp_path: Path, site_of: Callable[..., SimpleNamespace]
) -> Callable[[], list[SourceText]]:
    problems(
        PAGE,
        '{{ _("Tree") }}\n{{ ngettext("{count} tree", "{count} trees", 2) }}{{ _("Language") }}',
        "texts.py",
        'from changemaker_core import Text\nT = Text("A \\\\ \\"wet\\"\\nday")\n',
    )
    site = site_of(("garden", tmp_path / "garden"))
    return lambda: missing_texts(site, "garden", "fr")


def test_missing_entries_are_added_to_a_catalogue_and_the_rest_stays(
    missing: Any, tmp_path: Path
) -> None:
    file = catalogue_of(tmp_path / "garden", "garden", "fr")
    file.parent.mkdir(parents=True)
    before = HEADER + '# Of the garden.\nmsgid "Tree"\nmsgstr "Arbre"\n\nmsgid "Old"\nmsgstr ""'
    file.write_text(before)
    assert [each.place for each in missing()] == ["texts.py:2", "page.html:2"]
    assert [each.text for each in add_entries(file, "garden", missing())] == [
        'A \\ "wet"\nday',
        "{count} tree",
    ]
    after = file.read_text()
    assert after.startswith(before)
    assert after.endswith(
        '\n#: page.html:2\nmsgid "{count} tree"\nmsgid_plural "{count} trees"\n'
        'msgstr[0] ""\nmsgstr[1] ""\n'
    )
    assert parse("garden", file)[1] == []
    assert [each.place for each in missing()] == ["texts.py:2", "page.html:2"]
    assert add_entries(file, "garden", missing()) == []
    assert file.read_text() == after
    file.write_text(after.replace('msgstr[0] ""\nmsgstr[1] ""', 'msgstr[0] "a"\nmsgstr[1] "b"'))
    assert [each.place for each in missing()] == ["texts.py:2"]


def test_a_catalogue_is_created_where_there_is_none(missing: Any, tmp_path: Path) -> None:
    file = catalogue_of(tmp_path / "garden", "garden", "pl")
    assert len(add_entries(file, "garden", missing())) == 3
    catalog, wrong = parse("garden", file)
    assert wrong == []
    assert catalog is not None
    assert (catalog.num_plurals, str(catalog.locale)) == (3, "pl")
    assert {path.name for path in file.parent.iterdir()} == {"garden.po"}


@pytest.mark.parametrize(
    ("language", "rule", "forms"),
    [
        ("fr", "nplurals=2; plural=(n > 1);", 2),
        ("fr_CA", "nplurals=2; plural=(n > 1);", 2),
        ("es", "nplurals=2; plural=(n != 1);", 2),
        ("de", "nplurals=2; plural=(n != 1);", 2),
    ],
)
def test_a_new_catalogue_has_the_rule_of_plurals_that_translators_know(
    missing: Any, tmp_path: Path, language: str, rule: str, forms: int
) -> None:
    file = catalogue_of(tmp_path / "garden", "garden", language)
    add_entries(file, "garden", missing())
    written = file.read_text()
    assert f'"Plural-Forms: {rule}\\n"' in written
    assert written.count("msgstr[") == forms
    assert parse("garden", file)[1] == []


def test_nothing_is_added_to_a_catalogue_that_cannot_be_read(missing: Any, tmp_path: Path) -> None:
    file = catalogue_of(tmp_path / "garden", "garden", "fr")
    file.parent.mkdir(parents=True)
    file.write_text(HEADER + 'msgid Tree\nmsgstr "Arbre"\n')
    before = file.read_bytes()
    with pytest.raises(ValueError, match=r"garden\.po:\d+: This line is not part of a catalogue"):
        add_entries(file, "garden", missing())
    assert file.read_bytes() == before


def test_doctor_names_the_plugin_that_lacks_a_language(
    problems: Any, tmp_path: Path, site_of: Callable[..., SimpleNamespace]
) -> None:
    problems(PAGE, "")
    site = site_of(("garden", tmp_path / "garden"), default_locale="de")
    default, lacking, ok = check_languages(site)
    assert "no package has a catalogue" in default.detail
    assert lacking.detail == "garden is not translated into Français."
    assert "English, Français" in ok.detail


def test_a_site_in_development_starts_with_sound_sources_only(tmp_path: Path) -> None:
    """A visitor of a site in development sees no 500 that a start could have told of."""
    folder = tmp_path / "templates"
    folder.mkdir()
    (folder / "error.html").write_text("{{ a|nope }}\n{% include 'no.html' %}", encoding="utf-8")
    create_app(Config.for_tests(tmp_path), [])
    with pytest.raises(BootFailed) as failed:
        create_app(Config.for_tests(tmp_path, development=True), [])
    assert "error.html:1: There is no filter 'nope'." in str(failed.value)
    assert "error.html:2: There is no template 'no.html'." in str(failed.value)


@pytest.mark.parametrize(
    "plugins",
    [[AdminPlugin, InfluencePlugin], [InfluencePlugin]],  # its organisers' pages extend admin's
    ids=["all", "without admin"],
)
def test_everything_that_is_shipped_is_sound(tmp_path: Path, plugins: list[type[Plugin]]) -> None:
    site = Site(Config.for_tests(tmp_path), plugins)
    try:
        assert source_problems(site) == []
        assert [finding.status for finding in check_sources(site)] == ["ok"]
    finally:
        site.close()
