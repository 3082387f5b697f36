"""Hooks that mail templates offer to plugins."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import Kind, hookspec, named
from changemaker_core.features.mailtemplates.declarations import MailTemplate, problems_of

if TYPE_CHECKING:
    from changemaker_core import Site

MAIL_TEMPLATES = Kind(
    "mailtemplates_register_templates",
    MailTemplate,
    named("mail template", "."),
    problems_of,
)


class MailTemplatesHooks:
    """Hooks about the mails of a site."""

    @hookspec
    def mailtemplates_register_templates(self, site: Site) -> list[MailTemplate]:  # type: ignore[empty-body]  # a hookspec has no body
        """Mails whose texts organisers can change.

        >>> @hookimpl
        ... def mailtemplates_register_templates(self):
        ...     text = Text("Hello {{ name }},\\n\\nthank you for your greeting!")
        ...     name = MailVariable("name", Text("The person's name"), "Ada")
        ...     thanks = MailTemplate(
        ...         "hello.thanks",
        ...         category=Text("Greetings"),
        ...         title=Text("Thanks for a greeting"),
        ...         subject=Text("Thank you"),
        ...         text=text,
        ...         variables=(name,),
        ...     )
        ...     return [thanks]
        """
