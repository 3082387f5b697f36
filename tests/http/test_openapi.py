"""The description of the API is valid and says what the endpoints do."""

from __future__ import annotations

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from changemaker_core.http.openapi import describe

pytestmark = pytest.mark.database("sqlite")


@pytest.fixture
def document(make_site, probe):
    return describe(make_site(probe))


def test_it_is_valid(document):
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


def test_it_describes_every_api_route_and_no_page(document):
    assert {"/api/things", "/api/fails/{how}", "/api/health"} <= document["paths"].keys()
    assert all(path.startswith("/api/") for path in document["paths"])


def test_an_operation_says_all(document):
    post = document["paths"]["/api/things"]["post"]
    body = post["requestBody"]["content"]["application/json"]["schema"]
    letter = document["components"]["schemas"][body["$ref"].rpartition("/")[2]]
    assert letter["required"] == ["name", "email"]
    assert letter["properties"]["email"]["format"] == "email"
    assert {"201", "400", "413", "415", "422", "429", "default"} == post["responses"].keys()
    assert post["security"] == []
    delete = document["paths"]["/api/things"]["delete"]
    assert delete["x-permission"] == "probe.thing.write"
    assert delete["security"] == [
        {"probe.token": []},
        {"accounts.api_key": []},
        {"accounts.access_token": []},
        *({f"accounts.session.{prefix}cm_session": []} for prefix in ("", "__Host-", "__Secure-")),
    ]
    assert {"401", "403"} <= delete["responses"].keys()


def test_parameters_of_path_and_query(document):
    [how] = document["paths"]["/api/fails/{how}"]["get"]["parameters"]
    assert (how["in"], how["name"], how["required"]) == ("path", "how", True)
    query = document["paths"]["/api/things"]["get"]["parameters"]
    assert {each["name"] for each in query} == {"limit", "offset", "word"}
    [limit] = [each for each in query if each["name"] == "limit"]
    assert limit["schema"] == {"type": "integer", "minimum": 1, "maximum": 100, "default": 50}


def test_operations_have_names_of_their_own(document):
    ids = [op["operationId"] for path in document["paths"].values() for op in path.values()]
    assert len(ids) == len(set(ids))
