"""The look that an organisation tries out before it saves it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from changemaker_core.features.settings import services
from changemaker_core.features.settings.changing import group_of
from changemaker_core.features.settings.views import choices_of
from changemaker_core.settings.colors import DARK, ENOUGH, LIGHT, contrast, readable
from changemaker_core.settings.own import Appearance

if TYPE_CHECKING:
    from collections.abc import Mapping

    from changemaker_core import Site


class Contrast(msgspec.Struct, frozen=True, kw_only=True):
    """How well a colour can be read on light and on dark pages, where a lighter one takes its
    place: ratios from 1 to 21, of which text needs ``ENOUGH``."""

    color: str
    on_light: float
    color_on_dark: str
    on_dark: float

    @property
    def is_enough(self) -> bool:
        """Whether text of this colour can be read on light pages."""
        return self.on_light >= ENOUGH


class Look(msgspec.Struct, frozen=True, kw_only=True):
    """Colours with their style sheet, and how well each can be read."""

    stylesheet: str
    contrasts: dict[str, Contrast]


def look_of(site: Site, values: Mapping[str, Any]) -> Look:
    """Return the look with values of the group ``appearance`` that are not saved.

    Raises ``SettingsInvalid`` for what is no colour, and for one that cannot be read.
    """
    group, stored = group_of(site, "appearance"), site.settings.reading("appearance").stored
    data = {} if stored is None else stored.data
    draft = services.draft(site.settings, group, data, values, choices_of(site))
    chosen = Appearance(**site.settings.values_of(group, draft)[0])
    colors = {"brand": chosen.brand, "accent": chosen.accent}
    return Look(
        stylesheet=chosen.stylesheet,
        contrasts={name: _contrast(color) for name, color in colors.items()},
    )


def _contrast(color: str) -> Contrast:
    on_dark = readable(color, DARK)
    return Contrast(
        color=color,
        on_light=contrast(color, LIGHT),
        color_on_dark=on_dark,
        on_dark=contrast(on_dark, DARK),
    )
