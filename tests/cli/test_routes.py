"""``routes`` and ``openapi``: what the site answers to."""

from __future__ import annotations

import json
from typing import Any


def test_routes_say_whose_they_are_and_who_may_use_them(changemaker: Any) -> None:
    done = changemaker("routes", "--json")
    assert done.exit_code == 0, done.stderr
    rows = {(row["method"], row["path"]): row for row in json.loads(done.stdout)}
    assert rows["GET", "/api/health"]["plugin"] == "operations"
    assert rows["GET", "/api/health"]["access"] == "public"
    assert rows["GET", "/api/auth/me"]["access"] == "accounts.me.read"
    assert "undeclared" not in {row["access"] for row in rows.values()}


def test_routes_for_people_are_the_same(changemaker: Any) -> None:
    rows = json.loads(changemaker("routes", "--json").stdout)
    lines = changemaker("routes").stdout.splitlines()
    assert [line.split() for line in lines] == [list(row.values()) for row in rows]


def test_openapi_describes_them(changemaker: Any) -> None:
    done = changemaker("openapi")
    assert done.exit_code == 0, done.stderr
    document = json.loads(done.stdout)
    assert document["openapi"].startswith("3.1")
    assert "get" in document["paths"]["/api/health"]
