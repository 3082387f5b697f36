"""What plugins declare: their mails, what these can say, and the texts that they come with."""

from __future__ import annotations

import hashlib
import logging
from dataclasses import dataclass
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from changemaker_core import Text
from changemaker_core.features.mailtemplates.language import (
    KEYWORDS,
    LONGEST_SUBJECT,
    LONGEST_TEXT,
    NAME,
    parse,
)
from changemaker_core.features.mailtemplates.links import crowded
from changemaker_core.features.mailtemplates.queries import current_versions
from changemaker_core.features.mailtemplates.rendering import render
from changemaker_core.features.mailtemplates.variables import COMMON, KINDS
from changemaker_core.mail import Address, Message
from changemaker_core.trouble import Trouble

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
    from datetime import datetime
    from pathlib import Path

    from changemaker_core import Bound, Site, Tx
    from changemaker_core.features.mailtemplates.language import Nodes
    from changemaker_core.features.mailtemplates.queries import Stored
    from changemaker_core.features.mailtemplates.rendering import Rendered
    from changemaker_core.features.mailtemplates.variables import MailVariable

log = logging.getLogger(__name__)

#: The job that sends a template to a reader.
SEND: Final = "mailtemplates.send"
#: The language that the texts of plugins are written in; others are in their catalogues.
SOURCE: Final = "en"


class Content(NamedTuple):
    """A template's subject and text, as they are written."""

    subject: str
    text: str

    @property
    def hash(self) -> str:
        """Equal for equal texts."""
        return hashlib.sha256(f"{self.subject}\0{self.text}".encode()).hexdigest()


class ContentMistake(NamedTuple):
    """What is wrong with a content: in ``subject`` or ``text``, and in which line (0: in all)."""

    field: str
    line: int
    problem: str

    @property
    def text(self) -> str:
        """The problem, and the line that it is in."""
        if not self.line:
            return self.problem
        return Text("Line {line}: {problem}", line=self.line, problem=self.problem)

    def __str__(self) -> str:
        return f"{self.field}: {self.text}"


class Checked(NamedTuple):
    """A content that was read. It is only rendered where there are no mistakes."""

    subject: Nodes
    text: Nodes
    mistakes: tuple[ContentMistake, ...]


class Candidate(NamedTuple):
    """A text in which a mail could be sent; ``version`` is 0 for the one that the plugin ships."""

    language: str
    version: int
    content: Content


@dataclass(frozen=True)
class MailTemplate:
    """A mail of a plugin, whose text organisers can change.

    ``name`` begins with the plugin's name and a dot. ``category``, ``title`` and ``description``
    tell organisers which mail it is, and when it is sent. ``subject`` and ``text`` are what the
    plugin ships, in English, with ``{{ variable }}`` and ``{% if variable %}…{% endif %}``; its
    catalogues translate them as a whole. ``reader`` is a compiled query that finds by an id whom
    :meth:`send` writes to: a row with ``name`` and ``email``, where known ``locale``, and the value
    of each variable. ``recent_sign_in`` is for a mail whose link gives power, such as one that
    signs in: only a person who has signed in within 15 minutes can change its text.

    >>> THANKS = MailTemplate(
    ...     "petitions.thanks",
    ...     category=Text("Petitions"),
    ...     title=Text("Thanks for a signature"),
    ...     subject=Text("Thank you for signing"),
    ...     text=Text("Hello {{ name }},\\n\\nthank you!"),
    ...     variables=(MailVariable("name", Text("The person's name"), "Ada"),),
    ... )
    """

    name: str
    category: str
    title: str
    subject: str
    text: str
    variables: tuple[MailVariable, ...] = ()
    description: str = ""
    reader: Callable[[str], Bound[Any]] | None = None
    recent_sign_in: bool = False

    def send(
        self, tx: Tx, id: str, *, locale: str | None = None, due_at: datetime | None = None
    ) -> str:
        """Enqueue the mail to the reader with this id, and return the id of the job.

        The row is read when the mail is sent, not before ``due_at``; where there is none any more,
        no mail is sent. ``locale`` is for rows that have none.
        """
        if self.reader is None:
            raise TypeError(f"{self.name} has no reader: declare MailTemplate(…, reader=query)")
        payload = {"template": self.name, "id": id, "locale": locale}
        return tx.enqueue(SEND, payload, due_at=due_at)

    def message_to(self, site: Site, row: Any, locale: str | None) -> Message:
        """Return the mail to the reader of a row of ``reader``, as :meth:`message` does."""
        return self.message(
            site,
            to=Address(row.name, row.email),
            locale=getattr(row, "locale", None) or locale,
            values={each.name: getattr(row, each.name) for each in self.variables},
        )

    def message(
        self,
        site: Site,
        *,
        to: Address,
        values: Mapping[str, Any],
        locale: str | None = None,
        reply_to: Address | None = None,
        message_id: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Message:
        """Return the mail to one reader, for ``run.mail``: as organisers have written it, or as the
        plugin ships it, in ``locale`` or the language that comes closest.

        Reads the database, so call it in jobs. Raises ``TypeError`` for values that are missing or
        unknown, and ``ValueError`` for one that is not of its variable's kind.
        """
        all_values = self.complete(site, values)
        stored = site.db.sync.all(current_versions(name=self.name))
        for candidate in self.candidates(site, stored, locale):
            checked = check(self, candidate.content)
            if checked.mistakes:
                _unusable(site.config.site_dir, self.name, *candidate[:2]).failed(
                    ValueError(str(checked.mistakes[0]))
                )
                continue
            mail = self.render(site, checked, all_values, candidate.language)
            return Message(
                to=to,
                subject=mail.subject,
                text=mail.text,
                html=mail.html,
                reply_to=reply_to,
                message_id=message_id,
                automatic=True,
                headers=headers or {},
            )
        raise LookupError(f"{self.name} has no text")  # the source is checked when a site is built

    def render(
        self, site: Site, checked: Checked, values: Mapping[str, Any], language: str
    ) -> Rendered:
        """Return what a mail with complete ``values`` says."""
        return render(site, checked.subject, checked.text, self.variables_by_name, values, language)

    def complete(self, site: Site, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values of all variables. Raises ``TypeError`` for missing and unknown ones."""
        declared = {variable.name for variable in self.variables}
        if wrong := declared ^ values.keys():
            names = ", ".join(sorted(wrong))
            raise TypeError(f"{self.name} has the variables {sorted(declared)}; wrong are: {names}")
        common = {"organisation": site.organisation, "site_url": site.url("/")}
        paths = {
            variable.name: site.url(value)
            for variable in self.variables
            if variable.kind == "url"
            and isinstance(value := values[variable.name], str)
            and value.startswith("/")
        }
        return {**common, **values, **paths}

    def samples(self, site: Site) -> dict[str, Any]:
        """Return values for a preview."""
        return self.complete(site, {each.name: each.sample for each in self.variables})

    def shipped(self, site: Site, language: str) -> Content | None:
        """Return the text that the plugin ships in a language; ``None`` where it has none."""
        if language == SOURCE:
            return Content(str(self.subject), str(self.text))
        catalogue = language.replace("-", "_")
        if catalogue not in site.translations.locales:
            return None
        translate = site.translations.translate
        subject, text = (str(translate(each, catalogue)) for each in (self.subject, self.text))
        return None if text == self.text else Content(subject, text)

    def candidates(
        self, site: Site, stored: Iterable[Stored], locale: str | None
    ) -> Iterator[Candidate]:
        """Yield the texts for a reader, the best one first, the source at last.

        ``fr-CA`` is followed by ``fr``, the site's own language, and English; in each of them what
        organisers have written comes before what the plugin ships.
        """
        written = {each.language: each for each in stored}
        for language in languages_of(locale, site.translations.default):
            own = written.get(language)
            if own is not None and own.subject is not None and own.text is not None:
                yield Candidate(language, own.number, Content(own.subject, own.text))
            if (shipped := self.shipped(site, language)) is not None:
                yield Candidate(language, 0, shipped)

    @cached_property
    def variables_by_name(self) -> dict[str, MailVariable]:
        """Every variable that the text can use."""
        return {variable.name: variable for variable in (*self.variables, *COMMON)}


@lru_cache(maxsize=512)
def check(template: MailTemplate, content: Content) -> Checked:
    """Return what a content is made of, and every mistake in it."""
    names = list(template.variables_by_name)
    subject, text = parse(content.subject, names), parse(content.text, names)
    mistakes = [
        *_length_mistakes("subject", content.subject, LONGEST_SUBJECT),
        *_length_mistakes("text", content.text, LONGEST_TEXT),
        *(ContentMistake("subject", 0, each.problem) for each in subject.mistakes),
        *(ContentMistake("text", *each) for each in text.mistakes),
        *_subject_mistakes(template, content.subject, subject.names()),
        *_crowded_links(template, text.nodes),
        *_missing(template.variables, text.unconditional()),
    ]
    return Checked(subject.nodes, text.nodes, tuple(mistakes))


def languages_of(locale: str | None, default: str) -> list[str]:
    """Return the languages to try for a reader, the best one first.

    >>> languages_of("fr_CA", "pt_BR")
    ['fr-CA', 'fr', 'pt-BR', 'en']
    """
    wanted, default = ((each or default).replace("_", "-") for each in (locale, default))
    return list(dict.fromkeys((wanted, wanted.partition("-")[0], default, SOURCE)))


def problems_of(template: MailTemplate) -> Iterator[tuple[str, str]]:
    """Yield what is wrong with a declaration, each with its fix."""
    named = f"The mail template {template.name!r}"
    names = [variable.name for variable in template.variables]
    for name in names:
        if NAME.fullmatch(name) is None or name in KEYWORDS:
            yield f"{named} has a variable {name!r}.", "Name it in lower case, such as first_name."
        elif names.count(name) > 1 or name in {common.name for common in COMMON}:
            yield f"{named} has a variable {name!r} twice.", "Remove it: each text can use it once."
    for variable in template.variables:
        if variable.kind not in KINDS:
            problem = f"{named} has a variable {variable.name!r} of the kind {variable.kind!r}."
            yield problem, f"Choose one of {', '.join(KINDS)}."
            return
        try:
            variable.shown(variable.sample, str)
        except (TypeError, ValueError) as error:
            yield f"{named} has a wrong sample: {error}.", "Give a sample of the variable's kind."
    row = getattr(template.reader, "row", None)
    missing = [each for each in ("name", "email", *names) if row and not hasattr(row, each)]
    if missing:
        problem = f"{named} has a reader whose rows lack {', '.join(map(repr, missing))}."
        yield problem, "Add them to the row of its query, as fields or properties."
    if not all(isinstance(each, Text) for each in (template.subject, template.text)):
        yield f"{named} cannot be translated.", 'Write subject=Text("…") and text=Text("…").'
        return
    for mistake in check(template, Content(str(template.subject), str(template.text))).mistakes:
        yield f"{named} has a mistake ({mistake})", "Correct it."


def _length_mistakes(field: str, text: str, most: int) -> Iterator[ContentMistake]:
    if not text.strip():
        yield ContentMistake(field, 0, Text("Write something: a mail cannot do without it."))
    if len(text) > most:
        yield ContentMistake(field, 0, Text("Write at most {most} characters.", most=most))


def _subject_mistakes(
    template: MailTemplate, source: str, used: Iterable[str]
) -> Iterator[ContentMistake]:
    if len(source.splitlines()) > 1:
        yield ContentMistake("subject", 0, Text("Write the subject on one line."))
    for name in used:
        kind, tag = template.variables_by_name[name].kind, f"{{{{ {name} }}}}"
        if kind == "lines":
            problem = Text("{name} has several lines, and a subject is one.", name=tag)
            yield ContentMistake("subject", 0, problem)
        elif kind == "url":  # mail servers log subjects
            problem = Text("{name} is an address, which belongs into the text.", name=tag)
            yield ContentMistake("subject", 0, problem)


def _crowded_links(template: MailTemplate, nodes: Nodes) -> Iterator[ContentMistake]:
    links = {name for name, each in template.variables_by_name.items() if each.kind == "url"}
    for variable in crowded(nodes, links):
        problem = Text(
            "Write a space or begin a new line before and after {name}: what touches a link changes"
            " where it leads.",
            name=f"{{{{ {variable.name} }}}}",
        )
        yield ContentMistake("text", variable.line, problem)


def _missing(
    variables: Sequence[MailVariable], present: frozenset[str]
) -> Iterator[ContentMistake]:
    for each in variables:
        if each.required and each.name not in present:
            problem = Text(
                "{name} must be in the text, outside of conditions: {reason}",
                name=f"{{{{ {each.name} }}}}",
                reason=each.required,
            )
            yield ContentMistake("text", 0, problem)


@lru_cache(maxsize=256)  # one for each, so that a text in use for many mails is logged once
def _unusable(_site: Path, name: str, language: str, version: int) -> Trouble:
    source = f"version {version}" if version else "the plugin's translation"
    what = f"the mail {name} in {language} ({source}) has a mistake, and is not used"
    return Trouble(log, what)
