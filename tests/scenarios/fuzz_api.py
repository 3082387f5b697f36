"""The API held to its own OpenAPI document, by Schemathesis: ``nox -s fuzz``.

Requests that the document allows, and ones that it does not, are made up for every operation and
sent as each role. No response may be a 5xx, have a status or a content type that the document does
not name, or a body or header that it refuses; and no request may be accepted that it forbids.

Not among the files that pytest collects: Schemathesis has dependencies of its own. The long form:
``CHANGEMAKER_FUZZ_EXAMPLES=50 nox -s fuzz``.
"""

from __future__ import annotations

import os
from collections import Counter
from dataclasses import dataclass
from typing import Any

import httpx
import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import seed as seeded
from hypothesis.errors import Unsatisfiable
from schemathesis import GenerationMode
from schemathesis.specs.openapi import checks

from changemaker_core.features.accounts import api
from changemaker_influence.plugin import InfluencePlugin
from tests.accounts.gallery.serving import served

pytestmark = pytest.mark.database("sqlite")

EXAMPLES = int(os.environ.get("CHANGEMAKER_FUZZ_EXAMPLES", "2"))
ROLES = ["anonymous", "USER", "INFLUENCE_ADMIN", "SUPER_ADMIN", "key"]
PASSWORD = "wide river, slow boat"
#: What would end the session that all the other requests need, or change who has it.
LEFT_OUT = ("/api/auth/logout", "DELETE /api/auth/sessions", "/api/auth/totp")
#: What the document does not claim: that any value of the right shape is right, or exists.
EXCLUDED = [
    checks.positive_data_acceptance,
    checks.ensure_resource_availability,
    checks.use_after_free,
    checks.ignored_auth,
]


@dataclass(frozen=True)
class Served:
    """A served site: its document, credentials by role, and ids that exist, by parameter."""

    schema: Any
    headers: dict[str, dict[str, str]]
    campaign: dict[str, str]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    from changemaker_core import Config

    folder = tmp_path_factory.mktemp("site")
    config = Config.for_tests(
        folder,
        database_url=f"sqlite:///{folder}/site.db",
        api_rate_limit=1_000_000,
        plugin_tables={"influence": {"directory": "file"}},
    )
    with served(config, [InfluencePlugin]) as (app, address):
        headers = {role: _signed_in(app, address, role) for role in ROLES[1:-1]}
        headers["anonymous"] = {}
        permissions = ["influence.campaign.write", "influence.campaign.read"]
        owner = _email("SUPER_ADMIN")
        key = api.create_key(app.site, email=owner, name="Fuzz", permissions=permissions).key
        headers["key"] = {"x-api-key": key}
        campaign = _campaign(address, headers["SUPER_ADMIN"])
        schema = schemathesis.openapi.from_url(f"{address}/api/openapi.json")
        yield Served(schema, headers, campaign)


@pytest.mark.parametrize("role", ROLES)
def test_the_api_keeps_to_its_document(site, role):
    problems, statuses, operations = [], Counter(), 0
    for found in site.schema.get_all_operations():
        operation = found.ok()
        label = f"{operation.method.upper()} {operation.path}"
        if any(each in label for each in LEFT_OUT):
            continue
        operations += 1
        for mode in (GenerationMode.POSITIVE, GenerationMode.NEGATIVE):
            problems += _problems(operation, mode, site.headers[role], site.campaign, statuses)
    assert problems == []
    assert operations > 50
    assert statuses[200] >= 4, statuses


def _problems(operation, mode, headers, campaign, statuses):
    """What the responses to made-up requests have that the document does not."""
    problems = []

    @seeded(2026)
    @settings(
        max_examples=EXAMPLES,
        deadline=None,
        database=None,
        phases=[Phase.generate],
        suppress_health_check=list(HealthCheck),
    )
    @given(case=operation.as_strategy(generation_mode=mode))
    def send(case):
        if mode is GenerationMode.POSITIVE and "/campaigns/" in operation.path:
            # One that exists: else every response would be a 404.
            known = {name: campaign[name] for name in case.path_parameters if name in campaign}
            case.path_parameters.update(known)
        response = case.call(headers=headers, timeout=30)
        statuses[response.status_code] += 1
        try:
            case.validate_response(response, headers=headers, excluded_checks=EXCLUDED)
        except BaseExceptionGroup as group:
            for each in group.exceptions:
                problems.append(f"{operation.method} {operation.path} {mode.value}: {each}")

    try:
        send()
    except Unsatisfiable:
        # A path with a text for an id can be no other than valid.
        assert mode is GenerationMode.NEGATIVE, operation.path
    return problems


def _email(role):
    return f"{role.lower().replace('_', '-')}@example.org"


def _signed_in(app, address, role):
    email = _email(role)
    api.create_user(app.site, email=email, name=role, role=role, password=PASSWORD)
    sent = {"email": email, "password": PASSWORD}
    token = httpx.post(f"{address}/api/auth/login", json=sent).json()["access_token"]
    return {"Authorization": f"Bearer {token}"}


def _campaign(address, headers):
    """Make an open campaign with a recipient; return its parameters in paths."""
    text = {"title": "Keep the night buses", "email_subject": "Buses", "email_body": "Please."}
    rules = {"target_government_levels": ["MUNICIPAL"], "allow_custom_recipients": True}
    with httpx.Client(base_url=f"{address}/api", headers=headers) as client:
        made = client.post("/campaigns", json=text | rules)
        assert made.status_code == 201, made.text
        campaign = made.json()
        robin = {"name": "Robin", "title": "Director", "email": "robin@company.example"}
        client.post(f"/campaigns/{campaign['id']}/recipients", json=robin).raise_for_status()
        client.patch(f"/campaigns/{campaign['id']}", json={"status": "ACTIVE"}).raise_for_status()
    return {"id": campaign["id"], "campaign_id": campaign["id"], "slug": campaign["slug"]}
