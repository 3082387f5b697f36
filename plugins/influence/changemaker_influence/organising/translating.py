"""``/admin/campaigns/{id}/translations``: a campaign's texts in another language, side by side."""

from __future__ import annotations

import difflib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Annotated, Any, Final

import msgspec
from msgspec import Meta

from changemaker_core import (
    EditConflict,
    Form,
    Invalid,
    MergedEdits,
    MultiLine,
    NotFound,
    Redirect,
    SingleLine,
    TemplateResponse,
    Text,
    begin_edit,
    endpoint,
    flash,
    merge_edits,
)
from changemaker_influence.campaigns import permissions, placeholders
from changemaker_influence.campaigns.languages import REQUIRED, TEXTS
from changemaker_influence.organising import frame
from changemaker_influence.organising.forms import LABELS as LABELS_OF_CAMPAIGN
from changemaker_influence.organising.forms import show_errors
from changemaker_influence.translations import services
from changemaker_influence.translations.schemas import TranslationChange

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from changemaker_core import Request, Response, Tx
    from changemaker_influence.translations.schemas import TranslatedText, Translation

PAGE: Final = "/translations"
LABELS: Final[Mapping[str, Text]] = {
    **{name: label for name, label in LABELS_OF_CAMPAIGN.items() if name in TEXTS},
    "thank_you": Text("Thank-you message"),
}
#: Texts of several lines, and how many a field shows of them.
LINES: Final = {"description": 8, "email_body": 14, "thank_you": 5}
LONGEST: Final = {
    "title": 200,
    "description": 20_000,
    "call_to_action": 500,
    "cover_photo_alt": 300,
    "email_subject": 200,
    "email_body": 20_000,
    "thank_you": 20_000,
}
_NAMES: Final = {"en": Text("English"), "fr": Text("French")}
_Line = Annotated[SingleLine, Meta(max_length=200)]
_Prose = Annotated[MultiLine, Meta(max_length=20_000)]


class TranslationForm(msgspec.Struct, frozen=True, kw_only=True):
    """The texts in one language. ``still_right`` are outdated ones that need no other words."""

    title: _Line = ""
    description: _Prose = ""
    call_to_action: Annotated[SingleLine, Meta(max_length=500)] = ""
    cover_photo_alt: Annotated[SingleLine, Meta(max_length=300)] = ""
    email_subject: _Line = ""
    email_body: _Prose = ""
    thank_you: _Prose = ""
    still_right: list[str] = msgspec.field(default_factory=list)
    version: str = ""
    seen: str = ""


class NoFields(msgspec.Struct, frozen=True):
    """A button."""


@dataclass(frozen=True, slots=True)
class Row:
    """A text of the campaign beside its translation; ``changes`` are those of an outdated one."""

    text: TranslatedText
    label: Text
    lines: int
    longest: int
    required: bool
    changes: Sequence[tuple[str, str]]


class TranslationsPage:
    """``/admin/campaigns/{id}/translations``"""

    @endpoint(permission=permissions.READ, on="id")
    async def on_get(self, req: Request, resp: Response, *, id: str) -> TemplateResponse | Redirect:
        """Show the languages of a campaign; where there is one other, go to its page."""
        found = await req.site.db.read(services.translations, id)
        if len(found) == 1:
            return Redirect(_address(id, found[0].language))
        campaign = await frame.load(req, id)
        languages = [(_address(id, each.language), _name(each.language), each) for each in found]
        context = {**frame.frame_of(req, campaign), "languages": languages}
        return TemplateResponse("influence/admin/translations.html", context)


class TranslationPage:
    """``/admin/campaigns/{id}/translations/{language}``"""

    @endpoint(permission=permissions.READ, on="id")
    async def on_get(
        self, req: Request, resp: Response, *, id: str, language: str
    ) -> TemplateResponse:
        """Show a campaign's texts, and their translations beside them."""
        found = await req.site.db.read(services.translation, id, language)
        return await _page(req, id, found, _form_of(found))

    @endpoint(permission=permissions.WRITE, on="id", form=TranslationForm, max_body=500_000)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, language: str, form: Form[TranslationForm]
    ) -> TemplateResponse | Redirect:
        """Save the texts of a language, finished or not."""
        found = await req.site.db.read(services.translation, id, language)
        if (typed := form.value) is None:
            return await _page(req, id, found, form)
        texts = {name: getattr(typed, name) for name in TEXTS}
        wanted = TranslationChange(**texts, version=typed.version)

        def save(tx: Tx) -> None:
            saved = services.translate(
                tx, id, language, wanted, still_right=frozenset(typed.still_right)
            )
            flash(tx, req, _saved(saved))

        try:
            await req.site.db.write(save)
        except Invalid as invalid:
            show_errors(form, invalid)
            return await _page(req, id, found, form)
        except EditConflict as conflict:
            return await _conflict(req, id, language, form, conflict)
        return Redirect(_address(id, language))


class RemoveTranslationPage:
    """``/admin/campaigns/{id}/translations/{language}/remove``"""

    @endpoint(permission=permissions.WRITE, on="id")
    async def on_get(
        self, req: Request, resp: Response, *, id: str, language: str
    ) -> TemplateResponse:
        """Say what removing a translation does, and ask."""
        found = await req.site.db.read(services.translation, id, language)
        if found.updated_at is None:
            raise NotFound
        campaign = await frame.load(req, id)
        context = {
            **frame.frame_of(req, campaign),
            "language": language,
            "name": _name(language),
            "own_name": _name(campaign.language),
        }
        return TemplateResponse("influence/admin/translation_remove.html", context)

    @endpoint(permission=permissions.WRITE, on="id", form=NoFields)
    async def on_post(
        self, req: Request, resp: Response, *, id: str, language: str, form: Form[NoFields]
    ) -> Redirect:
        """Remove a translation."""

        def remove(tx: Tx) -> None:
            services.remove(tx, id, language)
            flash(tx, req, Text("The translation is removed."))

        await req.site.db.write(remove)
        return Redirect(_address(id, language))


def changes_between(before: str, after: str) -> list[tuple[str, str]]:
    """Return two texts as lines, each with ``+``, ``-`` or a space before it.

    >>> changes_between("one\\ntwo", "one\\n2")
    [(' ', 'one'), ('-', 'two'), ('+', '2')]
    """
    lines = difflib.ndiff(before.splitlines(), after.splitlines())
    return [(line[0], line[2:]) for line in lines if line[0] in "+- "]


def _saved(translation: Translation) -> Text:
    if translation.is_offered:
        return Text("Saved. Supporters who read this language see it.")
    return Text("Saved. Supporters see it once title, subject and letter are translated.")


def _address(id: str, language: str) -> str:
    return frame.address(id, f"{PAGE}/{language}")


def _name(language: str) -> str:
    """Return the name of a language, for a sentence in the reader's."""
    return _NAMES.get(language, language)


def _form_of(translation: Translation) -> Form[TranslationForm]:
    texts: dict[str, Any] = {each.field: each.text for each in translation.texts}
    form: Form[TranslationForm] = Form.of(TranslationForm(**texts))
    begin_edit(form, translation.version)
    return form


async def _conflict(
    req: Request, id: str, language: str, form: Form[TranslationForm], conflict: EditConflict
) -> TemplateResponse:
    """Show the form with what was typed, beside what another person has saved."""
    stored = await req.site.db.read(services.translation, id, language)
    merged = merge_edits(
        form,
        _form_of(stored),
        LABELS,
        at=conflict.saved_at,
        by=await frame.author_of(req, conflict),
    )
    return await _page(req, id, stored, form, merged)


async def _page(
    req: Request,
    id: str,
    translation: Translation,
    form: Form[TranslationForm],
    merged: MergedEdits | None = None,
) -> TemplateResponse:
    campaign = await frame.load(req, id)
    rows = [
        Row(
            each,
            LABELS[each.field],
            LINES.get(each.field, 1),
            LONGEST[each.field],
            each.field in REQUIRED,
            changes_between(each.translated_from, each.original) if each.is_outdated else (),
        )
        for each in translation.texts
        if each.original or each.text
    ]
    context: dict[str, Any] = {
        **frame.frame_of(req, campaign),
        "translation": translation,
        "rows": rows,
        "missing": sum(row.text.is_missing for row in rows),
        "outdated": sum(row.text.is_outdated for row in rows),
        "name": _name(translation.language),
        "own_name": _name(campaign.language),
        "labels": LABELS,
        "placeholders": placeholders.named_in(translation.language),
        "form": form,
        "merged": merged,
    }
    status = 409 if merged is not None else None
    return TemplateResponse("influence/admin/translation.html", context, status=status)
