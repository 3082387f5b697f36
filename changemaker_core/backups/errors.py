"""The error of a backup or restore that cannot be done, for operators."""

from __future__ import annotations


class BackupError(Exception):
    """The message says what is wrong, where, and what to do about it."""
