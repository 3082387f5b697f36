"""The description of the API is valid and says what the endpoints do."""

from __future__ import annotations

from importlib.metadata import entry_points

import pytest
from openapi_spec_validator import OpenAPIV31SpecValidator

from changemaker_core import Authenticator, Plugin, hookimpl
from changemaker_core.http.openapi import describe

pytestmark = pytest.mark.database("sqlite")


class SignedPlugin(Plugin):
    """Two headers that prove together who sends a request."""

    name = "signed"

    @hookimpl
    def cm_register_authenticators(self):
        return [Authenticator("signed.request", find, headers=("X-Peer", "X-Signature"))]


async def find(req):
    return None


def installed():
    return [entry.load() for entry in entry_points(group="changemaker.plugins")]


@pytest.fixture
def document(make_site, probe):
    return describe(make_site(probe))


def test_it_is_valid(make_site, probe):
    document = describe(make_site(probe, SignedPlugin, *installed()))
    assert list(OpenAPIV31SpecValidator(document).iter_errors()) == []


@pytest.mark.parametrize("secure", [True, False])
def test_an_operation_names_the_credentials_that_it_takes(make_site, secure):
    """For each operation of core and of every installed plugin, so that a new one is in it."""
    scheme = "https" if secure else "http"
    document = describe(
        make_site(*installed(), SignedPlugin, base_url=f"{scheme}://act.example.org")
    )
    schemes = document["components"]["securitySchemes"]
    assert schemes["accounts.access_token"] == {"type": "http", "scheme": "bearer"}
    assert schemes["accounts.api_key"] == {"type": "apiKey", "in": "header", "name": "x-api-key"}
    name = "__Host-cm_session" if secure else "cm_session"
    assert schemes["accounts.session"] == {"type": "apiKey", "in": "cookie", "name": name}
    people = [{"accounts.access_token": []}, {"accounts.session": []}]
    everybody = [
        {"signed.request.x-peer": [], "signed.request.x-signature": []},
        {"accounts.api_key": []},
        *people,
    ]
    used = set()
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            expected = people if "x-recent-sign-in" in operation else everybody
            if method != "get":
                expected = [*expected[:-1], {"accounts.session": [], "csrf": []}]
            if "x-permission" not in operation:
                expected = []
            by_name = sorted(operation["security"], key=str)
            assert by_name == sorted(expected, key=str), f"{method} {path}"
            used |= {name for each in operation["security"] for name in each}
    assert used == schemes.keys()


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
        {"accounts.session": [], "csrf": []},
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
