"""Groups of settings as a kind of contribution: their names, and what is checked at boot."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core.plugin.contributions import Claim, Kind, named
from changemaker_core.settings.declarations import OWN, SealedValues, SettingsGroup
from changemaker_core.settings.fields import problems_of

if TYPE_CHECKING:
    from collections.abc import Iterator


def _claims(group: SettingsGroup, plugin: str) -> Iterator[Claim]:
    prefix = "" if plugin == OWN else plugin
    yield Claim("settings group", group.name, prefix=prefix)
    place = f"{group.struct.__module__}.{group.struct.__qualname__}"
    yield Claim("settings Struct", group.struct.__qualname__, key=place)


SETTINGS = Kind("cm_register_settings", SettingsGroup, _claims, problems_of)
SEALED_VALUES = Kind(
    "cm_register_sealed_values",
    SealedValues,
    named("sealed values", "."),
    calls=("reseal(tx, site)",),
)
