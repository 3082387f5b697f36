"""Configuration for the programs around a site: nginx, systemd and docker compose."""

from __future__ import annotations

__version__ = "0.1.0"
