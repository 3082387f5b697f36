"""Pages of lists, and cursors."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from changemaker_core import Invalid, ListQuery, paginate
from changemaker_core.db import utcnow
from changemaker_core.http.lists import COUNTED, Cursors
from changemaker_core.signing import Signer


def cursors_of(secret: str, purpose: str) -> Cursors:
    return Cursors(Signer([secret], purpose, utcnow))


cursors = cursors_of("s" * 32, "campaigns")


def test_a_page_and_where_it_stands():
    page = paginate([1, 2, 3], ListQuery(limit=2), 7, cursor=lambda row: f"after {row}")
    assert page.data == [1, 2]
    assert page.pagination.has_more and page.pagination.next_cursor == "after 2"
    assert page.pagination.total == 7 and page.pagination.total_at_least is None


def test_the_last_page():
    page = paginate([1, 2], ListQuery(limit=2, offset=5), 7, cursor=str)
    assert not page.pagination.has_more and page.pagination.next_cursor is None


@pytest.mark.parametrize(
    ("counted", "total", "at_least"),
    [(COUNTED, COUNTED, None), (COUNTED + 1, None, COUNTED), (10**6, None, COUNTED)],
)
def test_totals_are_exact_up_to_a_point(counted, total, at_least):
    pagination = paginate([], ListQuery(), counted).pagination
    assert (pagination.total, pagination.total_at_least) == (total, at_least)


@given(st.lists(st.text(max_size=30) | st.integers(-(2**60), 2**60) | st.none(), max_size=4))
def test_a_cursor_comes_back_as_it_was_given(values):
    assert cursors.read(cursors.write(*values)) == values


@given(st.text(max_size=60))
def test_a_made_up_cursor_is_rejected(text):
    with pytest.raises(Invalid):
        cursors.read(text)


@given(st.integers(0, 10_000), st.characters(codec="ascii", categories=["L", "N"]))
def test_a_changed_cursor_is_refused(at, letter):
    written = cursors.write("2026-05-31", 5)
    at %= len(written)
    changed = written[:at] + letter + written[at + 1 :]
    if changed != written and at < len(written) - 1:
        with pytest.raises(Invalid):
            cursors.read(changed)


def test_a_cursor_of_another_list_or_site_is_refused():
    for other in (cursors_of("s" * 32, "responses"), cursors_of("t" * 32, "campaigns")):
        with pytest.raises(Invalid):
            other.read(cursors.write(1))
