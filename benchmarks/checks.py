"""Before anything is timed: every contender responds alike, and correctly."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from datetime import datetime
from typing import TYPE_CHECKING, Any

from benchmarks import data

if TYPE_CHECKING:
    from collections.abc import Sequence

    from benchmarks.contenders import Running

_SAMPLE = 25
#: Fields whose values each contender chooses when a campaign is created.
_OWN = ("id", "slug", "created_at", "updated_at", "created_by")


class Wrong(Exception):
    """A contender does not respond as the product does."""


def same_campaigns(running: Sequence[Running]) -> None:
    """Each serves every campaign alike, field by field, and 404 for one that is not there."""
    for one in running:
        for path, row in list(zip(one.get_paths, one.rows, strict=True))[::_SAMPLE]:
            _equal(one, path, _campaign(one, _get(one, path)), _expected(row))
        if one.contender.needs != "strapi":
            missing = one.contender.get.replace("{slug}", "not-there")
            if (status := _status(one, missing)) != 404:
                raise Wrong(f"{one.contender.name}: {status} for a campaign that is not there")


def same_lists(running: Sequence[Running]) -> None:
    """Each lists the same fifty, latest first, of the same total."""
    for one in running:
        response = _get(one, one.contender.list)
        newest = sorted(one.rows, key=lambda row: (row["published_at"], row["id"]), reverse=True)
        slugs = [card["slug"] for card in response["data"]]
        _equal(one, "list", slugs, [row["slug"] for row in newest[:50]])
        if one.contender.needs == "strapi":
            total = response["meta"]["pagination"]["total"]
        else:
            total = response["pagination"]["total"]
            _equal(one, "card", _millisecond(response["data"][0]), _card(newest[0]))
        _equal(one, "total", total, len(one.rows))


def same_creation(running: Sequence[Running]) -> None:
    """Each creates a campaign with the same fields and values, and refuses one that is wrong."""
    seen: dict[str, Any] | None = None
    for number, one in enumerate(running):
        body = {**json.loads(data.template()), "title": f"Check of creation {number}"}
        status, made = _post(one, body)
        if status != 201 or not made["slug"].startswith("check-of-creation"):
            raise Wrong(f"{one.contender.name}: {status} {made}")
        shown = {k: v for k, v in made.items() if k not in (*_OWN, "title")}
        keys = sorted(made)
        seen = seen or {"values": shown, "keys": keys}
        _equal(one, "made", {"values": shown, "keys": keys}, seen)
        for wrong in ({"title": ""}, {"title": 5}, {"language": "xx"}, {"unknown": 1}):
            status, _ = _post(one, {**body, **wrong})
            if not 400 <= status < 500:
                raise Wrong(f"{one.contender.name}: {status} for {wrong}")


def _expected(row: data.Row) -> dict[str, Any]:
    hidden = {"status", "allow_custom_recipients", "published_at", "created_by"}
    hidden |= {"created_at", "updated_at"}
    shown = {name: value for name, value in row.items() if name not in hidden}
    return {**shown, "is_open": True, "custom_recipients": []}


def _card(row: data.Row) -> dict[str, Any]:
    names = ("id", "slug", "title", "description", "email_subject", "cover_photo", "language")
    card = {name: row[name] for name in (*names, "email_count")}
    return _millisecond({**card, "published_at": row["published_at"].isoformat()})


def _millisecond(card: dict[str, Any]) -> dict[str, Any]:
    """A card's time to the millisecond: JavaScript's dates go no further."""
    moment = datetime.fromisoformat(card["published_at"])
    return {**card, "published_at": moment.isoformat(timespec="milliseconds")}


def _campaign(one: Running, response: Any) -> Any:
    """The campaign in a response. Strapi has ids of its own, and no open campaigns."""
    if one.contender.needs != "strapi":
        return response
    found = {k: v for k, v in response["data"][0].items() if k in _expected(one.rows[0])}
    row = next(row for row in one.rows if row["slug"] == found["slug"])
    return {**found, "id": row["id"], "is_open": True, "custom_recipients": []}


def _equal(one: Running, what: str, found: Any, expected: Any) -> None:
    if found != expected:
        raise Wrong(f"{one.contender.name}, {what}: {found!r} instead of {expected!r}")


def _get(one: Running, path: str) -> Any:
    with urllib.request.urlopen(one.server.address + path, timeout=30) as response:  # noqa: S310
        return json.load(response)


def _status(one: Running, path: str) -> int:
    try:
        with urllib.request.urlopen(one.server.address + path, timeout=30) as response:  # noqa: S310
            return int(response.status)
    except urllib.error.HTTPError as error:
        return error.code


def _post(one: Running, body: dict[str, Any]) -> tuple[int, Any]:
    headers = {"Content-Type": "application/json"}
    if one.token:
        headers["Authorization"] = f"Bearer {one.token}"
    address = one.server.address + "/api/campaigns"
    request = urllib.request.Request(address, json.dumps(body).encode(), headers)  # noqa: S310
    try:
        with urllib.request.urlopen(request, timeout=30) as response:  # noqa: S310
            return int(response.status), json.load(response)
    except urllib.error.HTTPError as error:
        return error.code, None
