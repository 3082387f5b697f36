"""Templates: escaped, complete, in the reader's language, under any prefix."""

from __future__ import annotations

import copy
import doctest
from collections.abc import Callable
from datetime import UTC, date, datetime
from html.parser import HTMLParser
from typing import TYPE_CHECKING, Any

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup

from changemaker_core import qr_svg, text
from changemaker_core.web import filters, languages, pages
from changemaker_core.web.languages import regional_locale

if TYPE_CHECKING:
    from types import SimpleNamespace

Render = Callable[..., str]
VOID = {"br", "hr", "img", "input", "link", "meta", "path", "rect", "circle"}


class Reader(HTMLParser):
    """Collects what the tests ask about a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.ids: list[str] = []
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(html)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        self.tags.append((tag, found))
        if found.get("id"):
            self.ids.append(str(found["id"]))
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag, f"</{tag}> closes something else"


@pytest.mark.parametrize("locale", ["en", "fr"])
def test_every_page_is_well_formed(
    render: Render, any_page: tuple[str, dict[str, Any]], locale: str
) -> None:
    html = render(*any_page, locale)
    reader = Reader(html)
    assert html.startswith("<!doctype html>")
    assert reader.open == []
    assert len(reader.ids) == len(set(reader.ids))
    assert f'<html lang="{locale}">' in html


def test_nothing_is_inline_or_from_elsewhere(
    render: Render, any_page: tuple[str, dict[str, Any]]
) -> None:
    for tag, attributes in Reader(render(*any_page)).tags:
        assert tag != "style"
        assert not any(name == "style" or name.startswith("on") for name in attributes)
        assert tag != "script" or attributes.get("src")
        for name in ("src", "srcset", "action"):
            assert (attributes.get(name) or "/").startswith("/")
        if tag == "link":
            assert str(attributes["href"]).startswith("/static/")


def test_every_description_and_target_exists(
    render: Render, any_page: tuple[str, dict[str, Any]]
) -> None:
    reader = Reader(render(*any_page))
    for _, attributes in reader.tags:
        named = (attributes.get("aria-describedby") or "").split()
        named += (attributes.get("aria-labelledby") or "").split()
        named += [attributes["for"]] if attributes.get("for") else []
        href = attributes.get("href") or ""
        named += [href[1:]] if href.startswith("#") else []
        assert set(named) <= set(reader.ids)


def test_links_and_files_follow_the_mount_prefix(
    render: Render, any_page: tuple[str, dict[str, Any]]
) -> None:
    for tag, attributes in Reader(render(*any_page, root_path="/act")).tags:
        for name in ("href", "src", "action", "data-status-url"):
            value = attributes.get(name) or ""
            if value.startswith("/"):
                assert value.startswith("/act/"), (tag, attributes)


def test_what_people_typed_is_escaped(render: Render, pages: dict[str, Any]) -> None:
    template, context = pages["campaign-errors"]
    bad = '"><script>alert(1)</script>'
    context = {
        **context,
        "postal_code": bad,
        "lookup_problem": bad,
        "campaign": {**context["campaign"], "title": bad, "description": bad, "email_body": bad},
        "form": copy.deepcopy(context["form"]),  # other tests have the same one
    }
    context["form"].data["sender_name"] = bad
    html = render(template, context)
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html


def test_the_language_switch_keeps_the_query(render: Render, pages: dict[str, Any]) -> None:
    html = render(*pages["campaign-chosen"], query="from=the+leaflet")
    assert 'href="?from=the+leaflet&amp;lang=fr"' in html


def test_the_first_who_can_be_emailed_is_chosen_and_who_cannot_is_no_choice(
    render: Render, pages: dict[str, Any]
) -> None:
    boxes = [
        attributes
        for tag, attributes in Reader(render(*pages["campaign-chosen"])).tags
        if tag == "input" and attributes.get("name") == "recipients"
    ]
    assert [box["value"] for box in boxes] == ["a1", "b2", "d4"]
    assert [box["value"] for box in boxes if "checked" in box] == ["a1"]


def test_a_campaign_by_mail_program_only_has_no_form_to_send(
    render: Render, pages: dict[str, Any]
) -> None:
    template, context = pages["campaign-chosen"]
    campaign = {**context["campaign"], "allow_smtp_email": False}
    html = render(template, {**context, "campaign": campaign})
    assert "mailto:avery.tremblay@parl.example.ca" in html
    assert "sender_email" not in html
    assert 'name="recipients"' not in html


def test_nobody_to_write_to_is_said_in_words(render: Render, pages: dict[str, Any]) -> None:
    template, context = pages["campaign-chosen"]
    lookup = {**context["lookup"], "representatives": []}
    html = render(template, {**context, "lookup": lookup})
    assert "does not write to any of the representatives" in html
    assert "Sign and send" not in html


def test_the_page_refreshes_itself_until_all_is_settled(
    render: Render, pages: dict[str, Any]
) -> None:
    pending = render(*pages["status-on-its-way"])
    assert '<noscript><meta http-equiv="refresh" content="2"></noscript>' in pending
    template, context = pages["status-on-its-way"]
    hour = datetime(2026, 7, 1, 16, 0, tzinfo=UTC)
    late = [{**email, "send_after": hour} for email in context["emails"]]
    delayed = render(template, {**context, "emails": late, "now": hour})
    assert '<noscript><meta http-equiv="refresh" content="60"></noscript>' in delayed
    for settled in ("status-sent", "status-troubled"):
        assert "refresh" not in render(*pages[settled])


MAIL: dict[str, Any] = {
    "campaign": {"slug": "parks", "title": "Parks & paths"},
    "sender": {
        "name": "Ada <A>",
        "email": "ada@example.org",
        "mailto": "mailto:ada@example.org",
        "postal_code": "K1A 0A1",
    },
    "recipient": {"name": "Sam Sample", "elected_office": "MP"},
    "body": "Please keep\nthe <park>.\n\nThank you",
}


def test_the_text_part_is_plain_text(render: Render) -> None:
    text = render("influence/mail/representative.txt", MAIL)
    assert text.startswith("Please keep\nthe <park>.\n\nThank you\n\nAda <A>\nK1A 0A1\n")
    assert "“Parks & paths”" in text
    assert text.endswith("https://act.example.org/campaigns/parks\n")


def test_the_html_part_is_escaped_and_in_the_campaign_s_language(render: Render) -> None:
    html = render("influence/mail/representative.html", MAIL, "fr")
    assert Reader(html).open == []
    assert '<html lang="fr">' in html
    assert "Please keep<br>the &lt;park&gt;." in html
    assert "Ada &lt;A&gt; vous a envoyé ce message" in html


def test_a_name_that_is_not_there_is_an_error(render: Render) -> None:
    with pytest.raises(UndefinedError, match="emails"):
        render("influence/email_status.html", {})


@pytest.mark.parametrize(
    ("locale", "expected"),
    [
        ("en", "July 1, 2026|July 1, 2026, 10:00\u202fa.m."),
        ("fr", "1 juillet 2026|1 juillet 2026, 10 h 00"),
    ],
)
def test_dates_are_in_the_reader_s_language_and_the_site_s_zone(
    site: SimpleNamespace, pages: dict[str, Any], locale: str, expected: str
) -> None:
    noon = pages["status-sent"][1]["emails"][0]["sent_at"]
    own = filters.for_locale(regional_locale(locale, "CA"), "America/Edmonton")
    assert f"{own['date'](noon)}|{own['datetime'](noon)}" == expected
    assert own["date"](date(2026, 7, 1)) == own["date"](noon)


def test_paragraphs_that_are_printed_are_escaped_paragraphs() -> None:
    found = filters.paragraphs("<b>One\ntwo\n\nThree")
    assert found.__html__() == "<p>&lt;b&gt;One<br>two</p>\n<p>Three</p>"
    assert str(found) == "<b>One\ntwo\n\nThree"


@pytest.mark.parametrize("module", [filters, languages, pages, text])
def test_the_examples_in_docstrings_are_true(module: Any) -> None:
    result = doctest.testmod(module)
    assert result.attempted > 0
    assert result.failed == 0


def test_a_qr_code_is_svg_without_style():
    svg = qr_svg("https://act.example.org/", 'A "code" <of> this page')
    assert isinstance(svg, Markup)
    assert "&lt;of&gt;" in svg
    assert "style=" not in svg


@pytest.mark.parametrize("tabs", ["[('/a', 'All'), ('/b', 'Past')]", "{'/a': 'All', '/b': 'Past'}"])
def test_tabs_are_pairs_or_a_mapping(site: SimpleNamespace, tabs: str) -> None:
    source = "{% import 'macros/tables.html' as tables %}{{ tables.tabs('Views', TABS, '/b') }}"
    page = (
        site.templates.environment("en", "", "UTC")
        .from_string(source.replace("TABS", tabs))
        .render(url=str)
    )
    assert '<a href="/a">All</a>' in page
    assert '<a href="/b" aria-current="page">Past</a>' in page
