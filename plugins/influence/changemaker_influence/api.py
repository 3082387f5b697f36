"""The public names of influence. Other plugins import nothing else of it."""

from __future__ import annotations

from changemaker_influence.directories.directory import Directory
from changemaker_influence.directories.errors import DirectoryUnavailable, PostalCodeUnknown
from changemaker_influence.directories.levels import LEVELS, Level, level_of
from changemaker_influence.directories.postal_codes import PostalCodeInvalid
from changemaker_influence.directories.representatives import (
    DirectoryEntry,
    Office,
    Representative,
    representative,
)

__all__ = [
    "LEVELS",
    "Directory",
    "DirectoryEntry",
    "DirectoryUnavailable",
    "Level",
    "Office",
    "PostalCodeInvalid",
    "PostalCodeUnknown",
    "Representative",
    "level_of",
    "representative",
]
