"""Configuration for the programs around a site: nginx, systemd, docker compose and Prometheus."""

from __future__ import annotations

__version__ = "0.1.0"
