"""The fields of a group as a page shows them, and as it sends them."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final
from urllib.parse import parse_qsl

from changemaker_core import Form

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from changemaker_admin.settings.schemas import GroupForm
    from changemaker_core import Request
    from changemaker_core.features.settings.api import FieldOut, GroupOut

    Pairs = list[tuple[str, str]]

#: What the names of a group's fields begin with in a form, so that none is one of the form's own.
PREFIX: Final = "set-"
#: The box that takes a secret back, by the name of its field.
REMOVE: Final = "remove-"
#: A secret that was typed before the person was asked for their password, and not kept.
REENTER: Final = "reenter"


async def sent_pairs(req: Request) -> Pairs:
    """Return the names and values of a form that ``@endpoint(form=…)`` has read and accepted."""
    return parse_qsl((await req.body_bytes()).decode("ascii"), keep_blank_values=True)


def name_of(field: str, language: str | None = None) -> str:
    """Return the name in the form of a field, or of its text in a language."""
    return f"{PREFIX}{field}" if language is None else f"{PREFIX}{field}.{language}"


def form_of(group: GroupOut) -> Form[GroupForm]:
    """Return an unsent form with the values of a group."""
    form: Form[GroupForm] = Form.blank()
    for field in editable(group):
        if field.kind == "texts":
            form.data |= {name_of(field.name, each): text for each, text in field.value.items()}
        elif (shown := _shown(field)) is not None:
            form.data[name_of(field.name)] = shown
    return form


def typed_form(group: GroupOut, pairs: Pairs) -> Form[GroupForm]:
    """Return a sent form with everything that was typed, except for secrets."""
    kinds = {field.name: field.kind for field in editable(group)}
    form: Form[GroupForm] = Form.blank()
    for name, value in pairs:
        field, _, _ = name.removeprefix(PREFIX).partition(".")
        if name in ("version", "seen", REENTER) or name.startswith(REMOVE):
            form.data[name] = value
        elif not name.startswith(PREFIX) or field not in kinds or kinds[field] == "secret":
            continue
        elif kinds[field] == "choices":
            form.data[name] = [*form.data.get(name, []), value]
        else:
            form.data[name] = value
    return form


def typed_secrets(group: GroupOut, pairs: Pairs) -> list[str]:
    """Return the names of the secrets that were typed."""
    secrets = {name_of(each.name): each.name for each in editable(group) if each.kind == "secret"}
    return [secrets[name] for name, value in pairs if value and name in secrets]


def changes(group: GroupOut, pairs: Pairs) -> dict[str, Any]:
    """Return the values that differ from those of the group, as JSON has them."""
    sent: dict[str, list[str]] = {}
    for name, value in pairs:
        sent.setdefault(name, []).append(value.replace("\r\n", "\n"))
    found: dict[str, Any] = {}
    for field in editable(group):
        if field.kind == "secret":
            found |= _secret(field, sent)
        elif (value := _read(field, sent)) != field.value:
            found[field.name] = value
    return found


def editable(group: GroupOut) -> Iterable[FieldOut]:
    """Return the fields of the group's form: those that are not locked, and are no pictures."""
    return (each for each in group.fields if each.locked is None and each.kind != "image")


def labels_of(group: GroupOut, languages: Mapping[str, str]) -> dict[str, str]:
    """Return the label of each field, by its name in the form."""
    labels: dict[str, str] = {}
    for field in editable(group):
        if field.kind == "texts":
            labels |= {
                name_of(field.name, code): f"{field.label} ({languages.get(code, code)})"
                for code in {**languages, **field.value}
            }
        labels[name_of(field.name)] = field.label
    return labels


def _shown(field: FieldOut) -> str | list[str] | None:
    """Return a value as its input has it; ``None`` for a box that is empty or not ticked."""
    value = field.value
    if field.kind == "secret" or value is None:
        return None
    if field.kind == "switch":
        return "on" if value else None
    if field.kind == "choices":
        return [str(each) for each in value]
    return "\n".join(value) if field.kind == "lines" else str(value)


def _read(field: FieldOut, sent: Mapping[str, list[str]]) -> Any:
    """Return what was typed into a field as JSON has it; what is no such value, as it was typed."""
    if field.kind == "texts":
        before = name_of(field.name, "")
        found = {
            name.removeprefix(before): v[-1] for name, v in sent.items() if name.startswith(before)
        }
        return {language: text.strip() for language, text in found.items() if text.strip()}
    values = sent.get(name_of(field.name), [])
    if field.kind == "switch":
        return bool(values)
    if field.kind == "choices":
        return [_choice(field, each) for each in values]
    text = values[-1] if values else ""
    if field.kind == "lines":
        return [line.strip() for line in text.splitlines() if line.strip()]
    if field.kind == "number":
        return _number(text)
    if field.kind == "choice":
        return _choice(field, text)
    # An empty box that may be empty; where a field has no value for that, its error says so.
    return None if not text and field.value is None else text.strip()


def _choice(field: FieldOut, text: str) -> Any:
    known = {str(each): each for each in field.choices or ()}
    return known.get(text, text or None)


def _number(text: str) -> int | float | str | None:
    """Return a number, with a comma or a point; ``None``, the default, for an empty box."""
    plain = text.strip().replace(",", ".").replace(" ", "").replace("\u00a0", "")
    if not plain:
        return None
    for kind in (int, float):
        try:
            return kind(plain)
        except ValueError:
            continue
    return text


def _secret(field: FieldOut, sent: Mapping[str, list[str]]) -> dict[str, Any]:
    """Return what changes of a secret: nothing where its box was left empty."""
    typed = sent.get(name_of(field.name), [""])[-1]
    if typed:
        return {field.name: typed}
    return {field.name: None} if REMOVE + field.name in sent else {}
