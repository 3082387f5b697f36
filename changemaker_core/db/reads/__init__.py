"""Compiled queries: functions that build a query, turned into SQL once and run many times.

From the call of a compiled query to its rows:

1. ``@compiled(Row)`` makes a :class:`Compiled` of a function that builds a peewee query
   (``queries.py``). Calling it returns a :class:`Bound`: the arguments, and the *variant* that they
   ask for.
2. An argument that is ``None`` is never bound as a parameter. Which arguments are ``None`` is part
   of the variant, and each variant has SQL of its own, for which the function is called with
   ``None`` itself (``Compiled._build``): ``column == None`` becomes ``column IS NULL``, and ``if
   status is not None`` leaves a condition out.
3. For all other arguments the function gets a ``Param`` (``parameters.py``), which takes its place
   among the parameters of the SQL and records how the column that it meets converts values. A
   ``Param`` after ``column.in_(…)`` stands for a list of any length.
4. The SQL of a variant is a ``Plan`` (``plans.py``): it binds arguments, runs inside of a unit of
   work, and records which tables and rows were read.
5. ``keyset.py`` makes of a compiled query one in an order, which is read page by page.
6. ``rows.py`` generates the function that makes typed rows of what the driver returns.
"""

from __future__ import annotations

from changemaker_core.db.reads.keyset import KeysetQuery
from changemaker_core.db.reads.queries import Bound, Compiled, Query, compiled, dialect

__all__ = ["Bound", "Compiled", "KeysetQuery", "Query", "compiled", "dialect"]
