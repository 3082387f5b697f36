"""The manifest of mail templates."""

from __future__ import annotations

from typing import TYPE_CHECKING

from changemaker_core import Plugin, hookimpl
from changemaker_core.features.mailtemplates import checks, models

if TYPE_CHECKING:
    from changemaker_core import Check


class MailTemplatesPlugin(Plugin):
    """The texts of a site's mail, which organisers edit."""

    name = "mailtemplates"
    requires = ("accounts",)
    contributes = (models.Version,)

    @hookimpl
    def operations_register_checks(self) -> list[Check]:
        return checks.checks()
