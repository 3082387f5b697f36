"""A plugin with one mail."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from changemaker_core import MailTemplate, MailVariable, Plugin, Role, Text

CONFIRM = MailTemplate(
    "parks.confirm",
    category=Text("Parks"),
    title=Text("Confirmation"),
    subject=Text("Please confirm, {{ name }}"),
    text=Text(
        "Hello {{ name }},\n\n{% if note %}\n{{ note }}\n\n{% endif %}\n"
        "Confirm until {{ until }}:\n{{ confirm_url }}\n\nSee https://example.org/help."
    ),
    variables=(
        MailVariable("name", Text("The name"), "Ada"),
        MailVariable("note", Text("A note"), "One\ntwo", kind="lines"),
        MailVariable("until", Text("The end"), datetime(2030, 6, 1, 12, tzinfo=UTC), kind="time"),
        MailVariable(
            "confirm_url",
            Text("The link"),
            "https://act.example.org/confirm",
            kind="url",
            required=Text("without it, no one can confirm."),
        ),
    ),
)


class ParksPlugin(Plugin):
    """A plugin with one mail."""

    name = "parks"
    contributes = (
        CONFIRM,
        Role("PARKS_READER", "Reads", frozenset({"mailtemplates.read"})),
        Role("PARKS_EDITOR", "Edits", frozenset({"mailtemplates.read", "mailtemplates.write"})),
    )


@pytest.fixture
def confirm() -> MailTemplate:
    """The template of the plugin."""
    return CONFIRM


@pytest.fixture
def site(make_site):
    return make_site(ParksPlugin)


@pytest.fixture
async def app(open_app):
    async with open_app(ParksPlugin) as opened:
        yield opened
