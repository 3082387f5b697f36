"""What other plugins may import of influence. Everything else is private."""

from __future__ import annotations

from changemaker_influence.directories.directory import (
    Directory,
    DirectoryUnavailable,
    NobodyKnown,
)
from changemaker_influence.directories.levels import LEVELS, Level, level_of
from changemaker_influence.directories.postal_codes import PostalCodeInvalid
from changemaker_influence.directories.representatives import (
    Answer,
    Office,
    Representative,
    representative,
)

__all__ = [
    "LEVELS",
    "Answer",
    "Directory",
    "DirectoryUnavailable",
    "Level",
    "NobodyKnown",
    "Office",
    "PostalCodeInvalid",
    "Representative",
    "level_of",
    "representative",
]
