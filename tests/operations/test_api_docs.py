"""The description of the API: a page made from the document, for whom ``api_docs`` says."""

from __future__ import annotations

import re
from typing import Any

import pytest

from changemaker_core.features.operations.openapi.reading import Kind, kind_of
from changemaker_core.testing import client_of, signed_in

pytestmark = pytest.mark.database("sqlite")


@pytest.mark.parametrize(
    ("schema", "kind"),
    [
        ({"type": "string", "maxLength": 5}, Kind("string", limits="≤ 5 characters")),
        ({"type": "integer", "minimum": 1, "default": 3}, Kind("integer", limits="≥ 1, default 3")),
        ({"$ref": "#/components/schemas/Park"}, Kind("", "Park")),
        (
            {"type": "array", "maxItems": 2, "items": {"$ref": "#/components/schemas/Park"}},
            Kind("list of", "Park", "≤ 2 items"),
        ),
        ({"anyOf": [{"type": "string"}, {"type": "null"}]}, Kind("string or null")),
        (
            {"anyOf": [{"$ref": "#/components/schemas/Park"}, {"type": "null"}]},
            Kind("null or ", "Park"),
        ),
        (
            {
                "anyOf": [
                    {"type": "array", "items": {"$ref": "#/components/schemas/Park"}},
                    {"$ref": "#/components/schemas/Tree"},
                    {"type": "null"},
                ]
            },
            Kind("Tree or null or list of", "Park"),
        ),
        (
            {"type": "array", "items": {"anyOf": [{"type": "string"}, {"type": "null"}]}},
            Kind("list of (string or null)"),
        ),
        (
            {"type": "object", "additionalProperties": {"type": "integer", "minimum": 0}},
            Kind("object of integer", limits="≥ 0"),
        ),
        (
            {"type": "object", "additionalProperties": {"$ref": "#/components/schemas/Park"}},
            Kind("object of", "Park"),
        ),
        ({"type": "object", "additionalProperties": False}, Kind("object")),
        ({"type": "string", "default": ""}, Kind("string", limits='default ""')),
        ({"type": "string", "default": "new"}, Kind("string", limits="default new")),
        ({"type": "boolean", "default": False}, Kind("boolean", limits="default false")),
        ({"enum": ["a", "b"]}, Kind("a | b")),
        ({}, Kind("any")),
    ],
)
def test_kinds_of_values_in_words(schema: dict[str, Any], kind: Kind) -> None:
    assert kind_of(schema) == kind


@pytest.mark.parametrize("locale", ["en", "fr"])
async def test_the_page_has_each_operation_and_type_and_its_links_lead_somewhere(
    open_app: Any, locale: str
) -> None:
    async with open_app() as app, client_of(app, headers={"Accept-Language": locale}) as client:
        document = (await client.get("/api/openapi.json")).json()
        response = await client.get("/api/docs")
        assert response.headers["content-type"].startswith("text/html")
        page = response.text
    assert f'<html lang="{locale}"' in page
    ids = re.findall(r' id="([^"]+)"', page)
    assert len(ids) == len(set(ids))
    assert set(re.findall(r'href="#([^"]+)"', page)) <= set(ids)
    operations = {
        each["operationId"] for path in document["paths"].values() for each in path.values()
    }
    types = {f"type-{name}" for name in document["components"]["schemas"]}
    assert operations | types <= set(ids)
    # Nothing of others is loaded, and nothing needs a script.
    own = "http://127.0.0.1:4000"
    loaded = re.findall(r'(?:src|<link[^>]+href)="([^"]+)"', page)
    assert all(each.startswith(("/", own)) for each in loaded)


async def test_only_for_those_who_have_signed_in(open_app: Any) -> None:
    async with open_app(api_docs="signed-in") as app:
        async with client_of(app) as visitor:
            assert (await visitor.get("/api/openapi.json")).status_code == 401
            page = await visitor.get("/api/docs")
            assert page.status_code == 303
            assert page.headers["location"].startswith("/sign-in")
        async with signed_in(app, "SUPER_ADMIN") as person:
            assert (await person.get("/api/openapi.json")).json()["openapi"] == "3.1.0"
            assert "<details" in (await person.get("/api/docs")).text
            cached = (await person.get("/api/docs")).headers["cache-control"]
            assert "public" not in cached


async def test_for_nobody(open_app: Any) -> None:
    async with open_app(api_docs="off") as app, client_of(app) as client:
        for path in ("/api/docs", "/api/openapi.json"):
            assert (await client.get(path)).status_code == 404
