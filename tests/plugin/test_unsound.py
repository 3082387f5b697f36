"""What a plugin contributes is looked at by the rooms that know: models, and endpoints."""

from __future__ import annotations

from typing import Any

import peewee
import pytest

from changemaker_core import (
    Model,
    Permission,
    Plugin,
    Route,
    UUIDField,
    endpoint,
    hookimpl,
)
from changemaker_core.plugin.errors import BootFailed

pytestmark = pytest.mark.database("sqlite")


class Bench(Model):
    """A time that PostgreSQL would keep without its zone."""

    id = UUIDField(primary_key=True)
    painted_at = peewee.DateTimeField()

    class Meta:
        table_name = "benches_bench"


class Benches:
    """``/api/benches``"""

    @endpoint(permission="benches.bench.read")
    async def on_get(self, req: Any, resp: Any) -> list[str]:
        """No benches."""
        return []


class Unsound(Plugin):
    """A model that does not fit, and a permission that its endpoint misspells."""

    name = "benches"

    @hookimpl
    def cm_register_models(self) -> list[type[Model]]:
        return [Bench]

    @hookimpl
    def cm_register_routes(self) -> list[Route]:
        return [Route("/api/benches", Benches())]

    @hookimpl
    def cm_register_permissions(self) -> list[Permission]:
        return [Permission("benches.bench.reed", "See benches")]


def test_a_site_does_not_start_with_what_cannot_work(make_site: Any) -> None:
    with pytest.raises(BootFailed) as failed:
        make_site(Unsound)
    problems = [problem.problem for problem in failed.value.problems]
    expected = [
        "Bench.painted_at: peewee's DateTimeField drops the UTC offset on PostgreSQL; use UtcField",
        "Benches.on_get at /api/benches requires 'benches.bench.read', which no plugin registers",
    ]
    for problem, text in zip(problems, expected, strict=True):
        assert problem.startswith(f"{text} (")
        assert "test_unsound.py, line" in problem
    assert "Did you mean 'benches.bench.reed'?" in str(failed.value)
