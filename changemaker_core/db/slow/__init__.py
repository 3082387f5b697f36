"""Statements and units of work that take long: the log names them, with their plans."""

from changemaker_core.db.slow.queries import SlowQueries

__all__ = ["SlowQueries"]
