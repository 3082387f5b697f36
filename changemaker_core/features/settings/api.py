"""What plugins and the command line may import of settings."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from changemaker_core.features.settings import services
from changemaker_core.features.settings.changing import group_of, restore_settings, save_settings
from changemaker_core.features.settings.looks import Contrast, Look, look_of
from changemaker_core.features.settings.mailserver import check_server_now
from changemaker_core.features.settings.mailtest import TrialOut, sender_findings, try_mail
from changemaker_core.features.settings.resources import READ, WRITE
from changemaker_core.features.settings.schemas import FieldOut, GroupOut, History, VersionOut
from changemaker_core.features.settings.services import (
    SettingsChanged,
    SettingsInvalid,
    UnknownVersion,
    rotate_secrets,
)
from changemaker_core.features.settings.views import (
    choices_of,
    group_out,
    history_of,
    site_languages,
)
from changemaker_core.settings.own import Appearance, MailSettings, Organisation, Regional

if TYPE_CHECKING:
    from collections.abc import Mapping

    from changemaker_core import Site, Upload

__all__ = [
    "READ",
    "WRITE",
    "Appearance",
    "Contrast",
    "FieldOut",
    "GroupOut",
    "History",
    "Look",
    "MailSettings",
    "Organisation",
    "Regional",
    "SettingsChanged",
    "SettingsInvalid",
    "TrialOut",
    "UnknownVersion",
    "VersionOut",
    "add_settings_image",
    "change_settings",
    "look_of",
    "restore_settings",
    "rotate_secrets",
    "save_settings",
    "sender_findings",
    "settings_group",
    "settings_groups",
    "settings_history",
    "site_languages",
    "try_mail",
]

#: The owner of the pictures that are values of settings.
_IMAGES: Final = "settings"


def settings_groups(site: Site, locale: str) -> list[GroupOut]:
    """Return all groups with their values, in a person's language."""
    return [group_out(site, each, locale) for each in site.settings.groups]


def settings_group(site: Site, name: str, locale: str) -> GroupOut:
    """Return the group ``name`` with its values. Raises ``LookupError``."""
    return group_out(site, group_of(site, name), locale)


async def settings_history(
    site: Site, name: str, locale: str, *, before: int | None = None, limit: int = 50
) -> History:
    """Return versions of a group, the latest first, each with what it changed.

    ``before`` is the version to begin below. Raises ``LookupError``.
    """
    return await history_of(site, group_of(site, name), locale, before, limit)


async def add_settings_image(site: Site, upload: Upload) -> str:
    """Store a picture and return its path, the value of a setting of the kind ``image``.

    Raises ``ImageRejected`` and ``ImagesUnavailable``.
    """
    return await site.images.add(_IMAGES, upload)


def change_settings(
    site: Site, name: str, values: Mapping[str, Any], *, version: int | None = None
) -> None:
    """Set fields of the group ``name`` to values of JSON; ``None`` is the default. For jobs,
    commands and tests.

    It blocks for the database, and for the look-up of a mail server. Raises ``LookupError`` for an
    unknown group, ``SettingsInvalid``, and, where ``version`` is not
    the current one, ``SettingsChanged``.
    """
    group = group_of(site, name)
    check_server_now(site, group, values)
    site.db.sync.write(
        services.change, site.settings, group, values, version=version, choices=choices_of(site)
    )
