"""Statements that a PostgreSQL server keeps, parsed and planned, for one connection."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    from changemaker_core.db.reads.plans import Plan

#: How many statements a connection has its server keep. What comes after is sent as it is.
KEPT = 200
#: The types that the server sees in values that are written out; ``int`` depends on its size.
_KINDS: dict[type, str] = {str: "unknown", type(None): "unknown", bool: "boolean"}
_INTEGERS = range(1 - 2**31, 2**31)
_BIG_INTEGERS = range(1 - 2**63, 2**63)
_NAME_LETTERS = 40  # PostgreSQL keeps 63 bytes of a name, of which 17 are ours


class Prepared:
    """How each plan is said on one connection: by the name of a statement that it has prepared.

    Both ways give the same rows. A parameter is declared as the type that its value would have if
    it were written out, and where that is not certain, it is written out.
    """

    def __init__(self) -> None:
        self._texts: dict[tuple[Plan, tuple[str | None, ...]], str] = {}

    def text(self, plan: Plan, values: Sequence[Any]) -> str:
        """What to send for ``plan``, with a placeholder for each of ``values``."""
        kinds = tuple([_kind(value) for value in values])
        return self._texts.get((plan, kinds)) or self._first(plan, kinds)

    def refuse(self, plan: Plan, values: Sequence[Any]) -> None:
        """From now on send ``plan`` as it is: prepared, it fails."""
        self._texts[plan, tuple([_kind(value) for value in values])] = plan.sql

    def _first(self, plan: Plan, kinds: tuple[str | None, ...]) -> str:
        if None in kinds or len(self._texts) >= KEPT:
            return plan.sql
        name = _name(plan, kinds)
        execute = self._texts[plan, kinds] = f"EXECUTE {name}{_listed(['%s'] * len(kinds))}"
        sql = plan.sql % tuple(f"${number}" for number in range(1, len(kinds) + 1))
        types = _listed([kind for kind in kinds if kind])
        return f"PREPARE {name}{types} AS {sql.replace('%', '%%')}; {execute}"


def _kind(value: Any) -> str | None:
    """The type of a value that is written out, as the server sees it; None where it is no use."""
    if type(value) is int:
        if value in _INTEGERS:
            return "integer"
        return "bigint" if value in _BIG_INTEGERS else None
    return _KINDS.get(type(value))


def _name(plan: Plan, kinds: tuple[str | None, ...]) -> str:
    """A name that nothing but this statement has, also where clients share a connection."""
    digest = hashlib.blake2b(f"{kinds} {plan.sql}".encode(), digest_size=8).hexdigest()
    spoken = plan.name.rpartition(".")[2].replace('"', "")[:_NAME_LETTERS]
    return f'"{digest} {spoken}"'


def _listed(items: Sequence[str]) -> str:
    return f"({', '.join(items)})" if items else ""
