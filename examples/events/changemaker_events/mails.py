"""The texts of the mails, which organisers can change."""

from __future__ import annotations

from changemaker_core import MailTemplate, MailVariable, Text, utcnow
from changemaker_events import queries

VARIABLES = (
    MailVariable("name", Text("The name of the person who signed up"), "Ada"),
    MailVariable("title", Text("The title of the event"), "Picnic in the park"),
    MailVariable("place", Text("Where the event is"), "Park Street 5"),
    MailVariable("starts_at", Text("When the event begins"), utcnow(), kind="time"),
    MailVariable(
        "url",
        Text("The address of the event’s page"),
        "https://act.example.org/events/picnic",
        kind="url",
        required=Text("people find there what has changed."),
    ),
)

CONFIRMATION = MailTemplate(
    "events.confirmation",
    category=Text("Events"),
    title=Text("Confirmation of a sign-up"),
    subject=Text("You have signed up: {{ title }}"),
    text=Text(
        "Hello {{ name }},\n\nsee you there!\n\n"
        "{{ title }}\n{{ starts_at }}\n{{ place }}\n{{ url }}"
    ),
    variables=VARIABLES,
    reader=queries.recipient,
)

REMINDER = MailTemplate(
    "events.reminder",
    category=Text("Events"),
    title=Text("Reminder of an event"),
    subject=Text("Reminder: {{ title }}"),
    text=Text(
        "Hello {{ name }},\n\nthis is soon.\n\n{{ title }}\n{{ starts_at }}\n{{ place }}\n{{ url }}"
    ),
    variables=VARIABLES,
    reader=queries.recipient,
)
