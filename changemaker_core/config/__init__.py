"""The configuration of a site: ``changemaker.toml`` and the environment, one typed object."""

from __future__ import annotations

from changemaker_core.config.config import Config
from changemaker_core.config.errors import ConfigError, ConfigProblem
from changemaker_core.config.rules import MINIMUM_SECRET_BYTES
from changemaker_core.config.secret import Secret

__all__ = ["MINIMUM_SECRET_BYTES", "Config", "ConfigError", "ConfigProblem", "Secret"]
