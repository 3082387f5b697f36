"""Slugs, placeholders, states: rules without a database."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_influence import states
from changemaker_influence.campaigns.placeholders import (
    NAMES,
    FilledLength,
    fill,
    unknown,
)
from changemaker_influence.campaigns.slugs import MAX_SLUG, free_slug, slug_of


@pytest.mark.parametrize(
    ("title", "slug"),
    [
        ("Clean water for everyone!", "clean-water-for-everyone"),
        ("L'eau, c'est sacré !", "l-eau-c-est-sacre"),
        ("Cœur de forêt", "coeur-de-foret"),
        ("水", "campaign"),
        ("--", "campaign"),
    ],
)
def test_slugs_are_readable(title, slug):
    assert slug_of(title) == slug


@given(st.text(max_size=300), st.integers(0, 12))
def test_slugs_are_plain_short_and_free(title, others):
    taken = set()
    for _ in range(others):
        taken.add(free_slug(title, taken))
    assert len(taken) == others
    slug = free_slug(title, taken)
    assert slug not in taken
    assert 0 < len(slug) <= MAX_SLUG
    assert slug.isascii()
    assert slug.replace("-", "").isalnum()
    assert slug == slug.lower().strip("-")


def test_a_misspelt_placeholder_is_found():
    assert unknown("Dear {recipent_name} or {{ name }} at {postal_code}") == [
        "{recipent_name}",
        "{{ name }}",
    ]
    assert unknown("{prénom} {{your town}}") == ["{prénom}", "{{your town}}"]
    assert unknown("".join(f"{{{name}}} {{{{ {name} }}}}" for name in NAMES)) == []
    assert unknown("{} {1} {your city} {recipient_name.x} { {") == []


@given(st.text(max_size=80), st.text(max_size=20))
def test_text_without_placeholders_stays(text, value):
    if not any(name in text for name in NAMES):
        assert fill(text, dict.fromkeys(NAMES, value)) == text


@given(
    st.lists(st.sampled_from([*(f"{{{name}}}" for name in NAMES), "{{ postal_code }}", "{", "a"])),
    st.lists(st.text(max_size=20), min_size=3, max_size=3),
)
def test_the_length_of_a_filled_text_is_known_before_it_is_filled(parts, values):
    text, filled_in = "".join(parts), dict(zip(NAMES, values, strict=True))
    assert FilledLength(text).of(filled_in) == len(fill(text, filled_in))


@given(st.sampled_from(NAMES), st.text(max_size=30), st.text(max_size=30))
def test_a_value_is_put_in_as_it_is(name, value, other):
    values = {**dict.fromkeys(NAMES, other), name: value}
    assert fill(f"<{{{name}}}>", values) == f"<{value}>"
    assert fill(f"<{{{{{name}}}}}>", values) == f"<{value}>"
    assert fill(f"<{{  {name}\n}}>", values) == f"<{value}>"


def test_values_are_not_looked_through_again_and_nothing_else_is_reached():
    values = {"recipient_name": "{sender_name}", "sender_name": "secret"}
    assert fill("{recipient_name}", values) == "{sender_name}"
    assert fill("{sender_name.__class__} {0} {x!r} {", values) == (
        "{sender_name.__class__} {0} {x!r} {"
    )


def test_final_statuses_have_no_successor():
    for status in states.FINAL:
        assert states.EMAIL[status] == frozenset()


def test_a_published_campaign_is_never_a_draft_again():
    for status in states.CAMPAIGN:
        assert "DRAFT" not in states.CAMPAIGN[status]


@pytest.mark.parametrize(("now", "wanted"), [("DRAFT", "PAUSED"), ("ARCHIVED", "ACTIVE")])
def test_a_campaign_follows_the_table(now, wanted):
    with pytest.raises(states.IllegalTransition):
        states.check_campaign(now, wanted)
