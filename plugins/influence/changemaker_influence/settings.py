"""What organisers set: the group ``influence`` of the site's settings."""

from __future__ import annotations

from typing import Annotated

import msgspec
from msgspec import Meta

from changemaker_core import Setting, SettingsGroup, Text

_Count = Annotated[int, Meta(ge=1, le=10_000)]


class InfluenceSettings(msgspec.Struct, frozen=True, kw_only=True):
    """Limits narrow those of the configuration, and never widen them."""

    introduction: Annotated[
        dict[str, str],
        Setting(
            Text("Text above the list of campaigns"),
            Text("For each language. Empty: a sentence that suits any campaign."),
            section=Text("Pages"),
            public=True,
        ),
    ] = {}
    send_limit_per_hour: Annotated[
        _Count | None,
        Setting(
            Text("Messages of one person in an hour"),
            Text("Empty: as many as the operator allows."),
            section=Text("Limits"),
        ),
    ] = None
    people_limit_per_hour: Annotated[
        _Count | None,
        Setting(
            Text("People who write from one internet connection in an hour"),
            Text("Empty: as many as the operator allows. A school or a meeting shares one."),
            section=Text("Limits"),
        ),
    ] = None


GROUP = SettingsGroup("influence", Text("Campaigns"), InfluenceSettings)
