"""The pages about API keys, beside their list."""

from __future__ import annotations

from typing import Final

from changemaker_admin.keys.pages import KEYS_PATH, KeyPage
from changemaker_core import Route

CONTRIBUTIONS: Final = (Route(f"{KEYS_PATH}/{{id}}", KeyPage()),)
