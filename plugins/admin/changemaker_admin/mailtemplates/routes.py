"""The routes of the pages of mail templates, and their entry of the menu."""

from __future__ import annotations

from typing import Final

from changemaker_admin.mailtemplates.pages import PATH, EditorPage, MailTemplatesPage, TestPage
from changemaker_admin.mailtemplates.previews import PreviewPage, TextPreviewPage
from changemaker_admin.mailtemplates.versions import RestorePage, VersionsPage
from changemaker_core import NavigationEntry, Route, Text
from changemaker_core.features.mailtemplates import api

_ONE: Final = f"{PATH}/{{slug}}/{{language}}"

CONTRIBUTIONS: Final = (
    Route(PATH, MailTemplatesPage()),
    Route(_ONE, EditorPage()),
    Route(f"{_ONE}/preview", PreviewPage()),
    Route(f"{_ONE}/preview-text", TextPreviewPage()),
    Route(f"{_ONE}/restore", RestorePage()),
    Route(f"{_ONE}/test", TestPage()),
    Route(f"{_ONE}/versions", VersionsPage()),
    NavigationEntry(
        Text("Mail templates"),
        PATH,
        order=110,
        permission=api.READ,
        group="settings",
        icon="template",
    ),
)
