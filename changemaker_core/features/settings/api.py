"""What plugins and the command line may import of settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from changemaker_core.features.settings import services
from changemaker_core.features.settings.mailserver import check_server_now
from changemaker_core.features.settings.services import (
    SettingsChanged,
    SettingsInvalid,
    UnknownVersion,
    rotate_secrets,
)
from changemaker_core.features.settings.views import choices_of
from changemaker_core.settings.own import Appearance, MailSettings, Organisation, Regional

if TYPE_CHECKING:
    from collections.abc import Mapping

    from changemaker_core import Site

__all__ = [
    "Appearance",
    "MailSettings",
    "Organisation",
    "Regional",
    "SettingsChanged",
    "SettingsInvalid",
    "UnknownVersion",
    "change_settings",
    "rotate_secrets",
]


def change_settings(
    site: Site, name: str, values: Mapping[str, Any], *, version: int | None = None
) -> None:
    """Set fields of the group ``name`` to values of JSON; ``None`` is the default. For jobs,
    commands and tests.

    It blocks for the database, and for the look-up of a mail server. Raises ``LookupError`` for an
    unknown group, ``SettingsInvalid``, and, where ``version`` is not
    the current one, ``SettingsChanged``.
    """
    group = site.settings.group(name)
    if group is None:
        raise LookupError(f"there is no group of settings called {name!r}")
    check_server_now(site, group, values)
    site.db.sync.write(
        services.change, site.settings, group, values, version=version, choices=choices_of(site)
    )
