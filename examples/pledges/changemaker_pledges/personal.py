"""Pledges as personal data: exported and erased when a person asks, and kept for a year."""

from __future__ import annotations

from changemaker_core import PersonalData, Retention, Text, delete_rows, export_rows
from changemaker_pledges.models import Pledge

PLEDGES = PersonalData(
    "pledges.pledges",
    Text("Pledges"),
    columns=(Pledge.name, Pledge.email),
    export=lambda person: export_rows(Pledge, Pledge.email.in_(person.emails)),
    erase=lambda _tx, person: delete_rows(Pledge, Pledge.email.in_(person.emails)),
    retention=Retention(
        365,
        count=lambda before: Pledge.select().where(Pledge.created_at < before).count(),
        expire=lambda _tx, before: delete_rows(Pledge, Pledge.created_at < before),
    ),
)
