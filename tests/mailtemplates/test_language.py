"""The language of mail templates: what it reads as Jinja does, and what it refuses."""

from __future__ import annotations

import time

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from changemaker_core.features.mailtemplates.language import (
    LONGEST_TEXT,
    MOST_TAGS,
    Variable,
    parse,
    resolve,
)

NAMES = ("name", "event", "confirm_url")
JINJA = ImmutableSandboxedEnvironment(
    undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True, keep_trailing_newline=True
)
VALUES = st.fixed_dictionaries(dict.fromkeys(NAMES, st.sampled_from(["", "Ada", "{{ name }}"])))
#: What templates and attacks are made of, in any order.
PARTS = st.sampled_from(
    [
        *("{{ name }}", "{{event}}", "{{ confirm_url }}", "{{- name -}}", "{{ name.x }}"),
        *("{% if name %}", "{%if not event%}", "{% else %}", "{% endif %}", "{%- if name -%}"),
        *("{{ name() }}", "{% include 'a' %}", "__class__", "10**9", "name", "if", "not", "endif"),
        *(
            "{{",
            "}}",
            "{%",
            "%}",
            "{#",
            "#}",
            "{",
            "}",
            "%",
            "-",
            "+",
            "'",
            '"',
            "\\",
            ".",
            "(",
            "|",
        ),
        *("\n", " ", "\t", "\r\n", "\u2028", "\x0b", "Hello ", "é"),
    ]
)
SOURCES = st.lists(PARTS, max_size=30).map("".join) | st.text(max_size=80)


def shown(nodes, values):
    """The text of a template with values."""
    found = resolve(nodes, lambda name: bool(values[name]))
    return "".join(values[node.name] if isinstance(node, Variable) else node for node in found)


#: Templates without a mistake.
WORDS = st.text("Hé <>.%}\n\r \t\u2028{", max_size=6).filter(lambda text: "{{" not in text + "{")
SOUND = st.recursive(
    WORDS | st.sampled_from(NAMES).map("{{{{ {} }}}}".format),
    lambda inner: (
        st.builds(
            "{}{{% if {}{} %}}{}{{% else %}}{}{{% endif %}}".format,
            inner,
            st.sampled_from(["", "not "]),
            st.sampled_from(NAMES),
            inner,
            inner,
        )
        | st.builds("{}{}".format, inner, inner)
    ),
    max_leaves=12,
)


@settings(max_examples=60)
@given(SOURCES | SOUND, VALUES)
@example("  {% if name %}\n  Hello {{ name }}\n{% else %}x{% endif %}\n\n", {n: "" for n in NAMES})
@example(
    "{% if name %}\n \t{% endif %} {% if event %}\r\n\u2028{% endif %}", {n: "x" for n in NAMES}
)
def test_whatever_is_accepted_says_what_jinja_says(source, values):
    parsed = parse(source, NAMES)
    if not parsed.mistakes:
        assert shown(parsed.nodes, values) == JINJA.from_string(source).render(values)


@given(st.text(alphabet="{%}#'\"|.()[]-+ \nifelsndnot_\\é\u200f", max_size=200))
def test_no_text_is_too_much_for_the_parser(source):
    parsed = parse(source, NAMES)
    lines = source.count("\n") + source.count("\r") + 1
    assert all(1 <= mistake.line <= lines and mistake.problem for mistake in parsed.mistakes)


@pytest.mark.parametrize(
    ("source", "line", "problem"),
    [
        ("Hello\n{{ ''.__class__ }}", 2, "{{ ''.__class__ }} is not allowed."),
        ("{{ name.__class__.__mro__ }}", 1, "{{ name.__class__.__mro__ }} is not allowed."),
        ("{{ name['__class__'] }}", 1, "is not allowed"),
        ("{{ range(10**9) }}", 1, "{{ range(10**9) }} is not allowed."),
        ("{{ 'a' * 10**9 }}", 1, "is not allowed"),
        ("{{ name|upper }}", 1, "is not allowed"),
        ("{{ name|format(name) }}", 1, "is not allowed"),
        ("{{ (((((((name))))))) }}", 1, "is not allowed"),
        ("{{ name ~ event }}", 1, "is not allowed"),
        ("{{ lipsum.__globals__ }}", 1, "is not allowed"),
        ("{{ self }}", 1, "There is no variable {{ self }}."),
        ("{{ config }}", 1, "There is no variable {{ config }}."),
        ("{{ nam }}", 1, "Did you mean {{ name }}?"),
        ("\n\n{% include '/etc/passwd' %}", 3, "{% include '/etc/passwd' %} is not allowed."),
        ("{% for x in range(9) %}{% endfor %}", 1, "is not allowed"),
        ("{% set name = 1 %}", 1, "is not allowed"),
        ("{% if name == 'x' %}{% endif %}", 1, "A condition is the name of a variable."),
        ("{% if name.x %}{% endif %}", 1, "A condition is the name of a variable."),
        ("a\n{% if name %}\nb", 2, "{% if name %} has no {% endif %}."),
        ("{% endif %}", 1, "{% endif %} belongs to no {% if … %}."),
        ("{% else %}", 1, "{% else %} belongs to no {% if … %}."),
        ("{% if name %}{% else %}{% else %}{% endif %}", 1, "{% else %} belongs to no"),
        ("{% if name %}" * 6 + "{% endif %}" * 6, 1, "At most 5 conditions"),
        ("{{ name", 1, "{{ is not closed by }}."),
        ("x\n{% if name", 2, "{% is not closed by %}."),
        ("{# a comment #}", 1, "Comments"),
        ("Hello {name}", 1, "Write {{ name }} in place of {name}."),
        ("{{ name }}" * (MOST_TAGS + 1), 1, f"Use at most {MOST_TAGS} variables"),
    ],
)
def test_what_is_refused_is_named_with_its_line(source, line, problem):
    mistakes = parse(source, NAMES).mistakes
    assert [m for m in mistakes if m.line == line and problem in m.problem], mistakes


@pytest.mark.parametrize(
    "part",
    ["{{", "{%", "{#", "{{ ", "{{'", "{{ name }}", "{% if name %}", "{", "{{ namme }}", "{ ", "{a"],
)
def test_the_time_grows_with_the_length(part):
    def seconds(times):
        begin = time.process_time()
        for _ in range(4):
            parse(part * times, NAMES)
        return time.process_time() - begin

    longest = LONGEST_TEXT // len(part)
    once = min(seconds(longest // 10) for _ in range(3))
    # Ten times as long; a hundred times would be the square. What ends early takes next to nothing.
    assert min(seconds(longest) for _ in range(3)) < 40 * once + 0.02
