"""Settings: what organisers change while the site runs, typed, and in the memory of each process.

``declarations`` is what a plugin declares, ``fields`` what its fields mean, ``own`` the groups of
the site itself. ``stored`` has the tables, and ``reading`` the values that a process works with;
the feature ``settings`` changes them.
"""

from changemaker_core.settings.contributed import SEALED_VALUES, SETTINGS
from changemaker_core.settings.declarations import (
    SealedValues,
    Setting,
    SettingRejected,
    SettingsGroup,
)

__all__ = [
    "SEALED_VALUES",
    "SETTINGS",
    "SealedValues",
    "Setting",
    "SettingRejected",
    "SettingsGroup",
]
