"""The product's ASGI app for another server: what ``changemaker serve`` runs on uvicorn.

No job runner beside it; the item that uses this reads only.
"""

from __future__ import annotations

from changemaker_core import Config
from changemaker_core.app import create_app
from changemaker_core.server import logs

logs.log_json()
app = create_app(Config.load())
