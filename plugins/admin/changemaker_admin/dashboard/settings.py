"""What organisers set about their own pages."""

from __future__ import annotations

from typing import Annotated

import msgspec

from changemaker_core import Setting, SettingsGroup, Text


class AdminSettings(msgspec.Struct, frozen=True, kw_only=True):
    """What the organisers' pages show."""

    checklist: Annotated[
        bool,
        Setting(
            Text("Checklist for a new site"),
            Text("The dashboard shows the first steps until all of them are done."),
        ),
    ] = True


GROUP = SettingsGroup("admin", Text("Organisers' pages"), AdminSettings)
