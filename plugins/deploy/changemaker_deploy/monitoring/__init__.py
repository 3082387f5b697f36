"""Watching a site: what Prometheus scrapes, when it alerts, and a dashboard for Grafana."""

from __future__ import annotations
