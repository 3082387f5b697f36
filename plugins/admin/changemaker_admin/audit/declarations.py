"""The pages about the audit log, and their entry of the menu."""

from __future__ import annotations

from typing import Final

from changemaker_admin.audit.pages import AUDIT_PATH, EntryPage, VerifyPage
from changemaker_core import Route

CONTRIBUTIONS: Final = (
    Route(f"{AUDIT_PATH}/verify", VerifyPage()),
    Route(f"{AUDIT_PATH}/{{id}}", EntryPage()),
)
