"""What a process knows from notifications: by tables, and by rows of them."""

from __future__ import annotations

import pytest

from changemaker_core.db.postgresql.notifications import Note, Notified, Positions, Tokens

READ = frozenset({"thing#3f", "other"})


def digest_after(*written):
    tokens = Tokens("epoch")
    for number, tags in enumerate(written):
        tokens = tokens.after(Note(f"t{number}", frozenset(tags)))
    return tokens.digest(READ)


@pytest.mark.parametrize("written", [{"thing#3f"}, {"thing"}, {"other"}, {"other#00"}])
def test_a_change_to_what_was_read_is_another_state(written):
    assert digest_after(written) != digest_after()
    assert digest_after(written, {"thing#40"}) == digest_after(written)


@pytest.mark.parametrize("written", [{"thing#40"}, {"things"}, {"things#3f"}, {"thin#3f"}])
def test_a_change_to_something_else_is_not(written):
    assert digest_after(written) == digest_after()


def test_a_greeting_and_a_change_to_anything_begin_anew():
    tokens = Tokens("epoch").after(Note("a", frozenset({"thing"})))
    assert len({t.digest(READ) for t in (tokens, tokens.after(Note("b", None)))}) == 2
    assert tokens.after(Note("b", frozenset())) == Tokens("b")
    assert Tokens().digest(READ) is None


def test_a_replica_must_have_every_row_of_its_tables():
    positions = Positions()
    positions.settle(positions.mark(), 10)
    assert positions.of(frozenset({"thing"})) == 10
    positions.changed(frozenset({"thing#3f", "other#00"}))
    assert positions.of(frozenset({"thing"})) is None
    assert positions.of(frozenset({"third"})) == 10
    positions.settle(positions.mark(), 20)
    assert positions.of(frozenset({"thing"})) == 20


def test_notes_are_read_as_they_were_written():
    for written in (None, frozenset(), READ):
        assert Note.read(Note("t", written).write()) == Note("t", written)
    too_many = frozenset(f"table_{number}" for number in range(1000))
    assert Note.read(Note("t", too_many).write()) == Note("t", None)
    with pytest.raises(ValueError):
        Note.read("hello")


def test_after_a_gap_nothing_is_known():
    known = Notified()
    known.note(Note("t", frozenset({"thing#3f"})))
    known.forget()
    assert known.tokens == Tokens()
    assert known.positions.of(READ) is None
