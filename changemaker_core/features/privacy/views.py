"""Personal data as the API and the command line show it."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core.features.privacy.retention import days_of
from changemaker_core.features.privacy.schemas import KindOut

if TYPE_CHECKING:
    from collections.abc import Callable

    from changemaker_core import PersonalData, Site

    Translate = Callable[[str], str]


def kind_out(site: Site, kind: PersonalData, translate: Translate) -> KindOut:
    """Return a kind of personal data, in a person's language."""
    return KindOut(
        name=kind.name,
        label=translate(kind.label),
        keeps=translate(kind.keeps) if kind.keeps else "",
        retention_days=days_of(site, kind),
    )
