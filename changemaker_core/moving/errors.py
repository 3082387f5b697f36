"""The error of a move that cannot be done, for operators."""

from __future__ import annotations


class MoveError(Exception):
    """The message says what is wrong, where, and what to do about it."""
