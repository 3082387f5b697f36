"""Formatted texts: what is read of Markdown, and that nothing else gets through."""

from __future__ import annotations

import html
import re

import pytest

from changemaker_influence.formatting import formatted, summary

#: What a browser would run or load, or what leads elsewhere than it says.
HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "![x](https://evil.example/x.png)",
    "[x](javascript:alert(1))",
    "[x](JaVaScRiPt:alert(1))",
    "[x](java\nscript:alert(1))",
    "[x](&#106;avascript:alert(1))",
    "[x](data:text/html,x)",
    "[x](//evil.example)",
    "[x](/\\evil.example)",
    "[x](vbscript:x)",
    "<javascript:alert(1)>",
    '[x](https://a.example "\\" onmouseover=alert(1)")',
    '[x](https://a.example/"onclick=alert(1))',
    "`<b>`",
    "| a |\n|---|\n| b |",
    "> " * 200 + "deep",
]
ALLOWED = {
    *("p", "br", "strong", "em", "h2", "h3", "ul", "ol", "li", "blockquote"),
    "a",
}


@pytest.mark.parametrize("text", HOSTILE)
def test_only_known_tags_and_links_come_out(text):
    made = str(formatted(text))
    for closing, tag, attributes in re.findall(r"<(/?)([a-z0-9]+)([^>]*)>", made):
        assert tag in ALLOWED
        names = re.findall(r' ([a-z]+)="', attributes)
        assert set(names) <= {"href", "rel", "title", "start"}, made
        assert not closing or not attributes
    for address in re.findall(r'href="([^"]*)"', made):
        assert re.match(r"https?://|mailto:|tel:|/(?![/\\])", html.unescape(address)), made


@pytest.mark.parametrize(
    ("text", "made"),
    [
        ("One\ntwo\n\nThree", "<p>One<br>\ntwo</p>\n<p>Three</p>"),
        ("# A\n\n#### B", "<h2>A</h2>\n<h3>B</h3>"),
        ("- a\n- b", "<ul>\n<li>a</li>\n<li>b</li>\n</ul>"),
        ("*a* **b**", "<p><em>a</em> <strong>b</strong></p>"),
        ("> a", "<blockquote>\n<p>a</p>\n</blockquote>"),
        (
            "5 < 6 & 7 snake_case_name 2 * 3 * 4",
            "<p>5 &lt; 6 &amp; 7 snake_case_name 2 * 3 * 4</p>",
        ),
        ("[a](/p)", '<p><a href="/p" rel="noopener">a</a></p>'),
        ("", ""),
    ],
)
def test_what_organisers_write(text, made):
    assert str(formatted(text)) == made


def test_a_summary_is_the_first_paragraph_without_signs():
    text = "\n\n**Act** now, [here](https://a.example) & there\nsoon\n\nMore"
    assert summary(text) == "Act now, here & there soon"
    assert summary("") == ""
