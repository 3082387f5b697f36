"""The routes of the pages of settings, and their entry of the menu."""

from __future__ import annotations

from typing import Final

from changemaker_admin.settings.history import HistoryPage, RestorePage
from changemaker_admin.settings.mail import MailTrialPage, RecordsPage
from changemaker_admin.settings.pages import PATH, GroupPage, SettingsPage
from changemaker_admin.settings.pictures import PicturePage
from changemaker_admin.settings.previews import LookSheet, PreviewPage
from changemaker_core import NavigationEntry, Route, Text
from changemaker_core.features.settings import api

_GROUP: Final = f"{PATH}/{{slug}}"

CONTRIBUTIONS: Final = (
    Route(PATH, SettingsPage()),
    Route(_GROUP, GroupPage()),
    Route(f"{_GROUP}/pictures/{{name}}", PicturePage()),
    Route(f"{_GROUP}/history", HistoryPage()),
    Route(f"{_GROUP}/restore", RestorePage()),
    Route(f"{_GROUP}/preview", PreviewPage()),
    Route(f"{PATH}/appearance/colors.css", LookSheet()),
    Route(f"{PATH}/mail/test", MailTrialPage()),
    Route(f"{PATH}/mail/records", RecordsPage()),
    NavigationEntry(Text("Settings"), PATH, permission=api.READ, group="settings", icon="settings"),
)
