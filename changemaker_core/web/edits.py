"""Two people who edit the same thing: the second is shown what the first has saved."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from changemaker_core.text import Text

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from datetime import datetime

    from changemaker_core.web.forms import Form

#: The fields in which a form carries what it was filled in with.
VERSION: Final = "version"
SEEN: Final = "seen"
#: Hexadecimal digits of a digest: enough to tell the texts of one field apart.
_DIGITS: Final = 12


@dataclass(frozen=True, slots=True)
class Collision:
    """A field that both have changed: ``saved`` is its present value, as lines of text."""

    name: str
    label: str
    saved: Sequence[str]


@dataclass(frozen=True, slots=True)
class MergedEdits:
    """What became of a form whose subject was saved meanwhile.

    ``adopted`` are the labels of fields that the other person alone has changed: the form shows
    their values now. In each of ``collisions`` the form still shows what was typed. ``saved_by`` is
    a name, where it is known.
    """

    saved_at: datetime
    saved_by: str | None
    collisions: Sequence[Collision]
    adopted: Sequence[str]


def begin_edit(form: Form[Any], version: object) -> None:
    """Note in an unsent form which version it shows: ``version`` and ``seen``, its hidden fields.

    The form's Struct has both as text fields; ``forms.edit_marks`` writes them into the page.
    """
    names = form.data.keys() - {VERSION, SEEN}
    digests = (f"{name}:{_digest(form.data[name])}" for name in sorted(names))
    form.data |= {VERSION: str(version), SEEN: " ".join(digests)}


def merge_edits(
    form: Form[Any],
    saved: Form[Any],
    labels: Mapping[str, str],
    *,
    at: datetime,
    by: str | None = None,
    choices: Mapping[str, Mapping[str, str]] | None = None,
) -> MergedEdits:
    """Bring a sent form up to date with ``saved``, a form of what is stored now.

    Nothing that was typed is lost: a field takes the saved value only where its sender had left it
    as it was. ``saved`` was begun with ``begin_edit``, and the next sending of ``form`` counts as
    an edit of that version. ``labels`` are the fields that are compared, by name; ``choices`` are
    the words for values of a field, such as those of a ``select``.
    """
    seen = _digests(form.data.get(SEEN, ""))
    collisions, adopted = [], []
    for name, label in labels.items():
        typed, stored = form.data.get(name, ""), saved.data.get(name, "")
        before = seen.get(name, _digest(""))
        if _digest(typed) == _digest(stored) or before == _digest(stored):
            continue
        if before == _digest(typed):
            adopted.append(label)
            form.data.pop(name, None)
            form.errors.pop(name, None)
            if name in saved.data:
                form.data[name] = saved.data[name]
        else:
            words = (choices or {}).get(name, {})
            collisions.append(Collision(name, label, _words(stored, words)))
    form.data |= {name: saved.data[name] for name in (VERSION, SEEN)}
    form.value = None
    return MergedEdits(at, by, collisions, adopted)


def _digest(value: str | list[str]) -> str:
    parts = sorted(value) if isinstance(value, list) else [value.replace("\r\n", "\n").strip()]
    return hashlib.sha256("\0".join(parts).encode()).hexdigest()[:_DIGITS]


def _digests(seen: str | list[str]) -> dict[str, str]:
    pairs = (each.partition(":") for each in seen.split()) if isinstance(seen, str) else ()
    return {name: digest for name, _, digest in pairs}


def _words(value: str | list[str], words: Mapping[str, str]) -> list[str]:
    """Return a value in words; the box that is ticked, or not, has its own."""
    if isinstance(value, list):
        return [words.get(each, each) for each in value] or [Text("None")]
    if value in words:
        return [words[value]]
    return value.splitlines() if value else [Text("Empty")]
