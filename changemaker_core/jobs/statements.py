"""Statements in SQL, on the connection of the unit of work.

They are SQL rather than peewee's queries because every job takes some of them: building the queries
would cost more than running them.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from changemaker_core.jobs.model import CoreJob


def run(sql: str, *values: Any) -> Any:
    """Run a statement whose values are marked ``?``; answers the cursor."""
    database = _database()
    return database.execute_sql(_marked(sql, database.param), values)


def is_postgresql() -> bool:
    """Whether that is the database."""
    return bool(_database().param == "%s")


def _database() -> Any:
    return CoreJob._meta.database


@lru_cache(maxsize=256)
def _marked(sql: str, mark: str) -> str:
    return sql.replace("?", mark)
