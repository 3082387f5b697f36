"""The generated docker compose project, read back as YAML."""

from __future__ import annotations

import re

import pytest
import yaml

from changemaker_core import Config


@pytest.fixture
def composed(generated):
    """The generated files, and compose.yaml as a document."""
    files = generated("compose", "--split", "petitions", "--workers", "2")
    return files, yaml.safe_load(files["compose.yaml"].read_text())


def test_compose_has_only_keys_that_compose_knows(composed):
    files, document = composed
    assert set(files) == {"compose.yaml", "Dockerfile", "requirements.txt", "changemaker.conf"}
    top_level = {name for name in document if not name.startswith("x-")}
    assert top_level == {"name", "services", "volumes", "networks"}
    known = {
        *("image", "build", "restart", "read_only", "tmpfs", "cap_drop", "security_opt", "user"),
        *("stop_grace_period", "env_file", "environment", "volumes", "depends_on", "command"),
        *("healthcheck", "ports", "networks", "shm_size"),
    }
    for service in document["services"].values():
        assert set(service) <= known
        assert all(isinstance(word, str) for word in service.get("command", []))
        assert all(isinstance(value, str) for value in service.get("environment", {}).values())


def test_services_wait_for_services_that_report_their_health(composed):
    services = composed[1]["services"]
    conditions = {"service_healthy", "service_completed_successfully"}
    for name, service in services.items():
        for other, dependency in service.get("depends_on", {}).items():
            assert other in services
            assert dependency["condition"] in conditions
            if dependency["condition"] == "service_healthy":
                assert "healthcheck" in services[other], f"{name} waits for {other}'s health"
    assert services["migrate"]["restart"] == "no"
    for name in ("db", "valkey", "web", "web-petitions", "proxy"):
        check = services[name]["healthcheck"]
        assert check["test"][0] == "CMD"
        assert check["interval"].endswith("s")


def test_services_mount_the_plugins_that_nginx_sends_to_them(composed):
    files, document = composed
    services = document["services"]
    assert services["web"]["command"][-2:] == ["--except", "petitions"]
    assert services["web-petitions"]["command"][-2:] == ["--only", "petitions"]
    conf = files["changemaker.conf"].read_text()
    servers = re.findall(r"^    server (\S+);$", conf, re.MULTILINE)
    assert servers == ["web:4000", "web-petitions:4000"]
    address = services["proxy"]["networks"]["default"]["ipv4_address"]
    trusted = services["web"]["environment"]["CHANGEMAKER_TRUSTED_PROXIES"]
    assert trusted == f"{address}/32"


def test_services_get_as_long_to_stop_as_their_requests(generated):
    options = ("--split", "petitions", "--drain", "60", "--drain", "petitions=1800")
    services = yaml.safe_load(generated("compose", *options)["compose.yaml"].read_text())[
        "services"
    ]
    assert services["web"]["command"][-2:] == ["--drain", "60"]
    assert services["web-petitions"]["command"][-2:] == ["--drain", "1800"]
    found = {
        name: services[name]["stop_grace_period"] for name in ("web", "web-petitions", "worker")
    }
    assert found == {"web": "67s", "web-petitions": "1807s", "worker": "15s"}


def test_volumes_are_declared_and_files_hold_no_secret(composed, site):
    files, document = composed
    named = {
        volume.partition(":")[0]
        for service in document["services"].values()
        for volume in service.get("volumes", [])
        if not volume.startswith((".", "/"))
    }
    assert named == set(document["volumes"])
    secret = (site.folder / ".env").read_text().partition("=")[2].strip()
    assert secret
    assert not [path for path in files.values() if secret in path.read_text()]


def test_nginx_passes_on_metrics_that_have_a_token(generated):
    blocked = "location = /api/metrics"
    assert blocked in generated("compose")["changemaker.conf"].read_text()
    token = {"CHANGEMAKER_METRICS_TOKEN": "t" * 40}
    files = generated("compose", "--force", **token)
    assert blocked not in files["changemaker.conf"].read_text()


def test_the_image_installs_the_sites_distributions(composed):
    core, plugin = composed[0]["requirements.txt"].read_text().split()
    assert core.startswith("changemaker-core[redis]==")
    assert plugin == "changemaker-petitions==1.2"


def test_core_accepts_the_configuration_of_the_services(composed, site):
    """The environment of the services is a valid configuration."""
    environment = dict(composed[1]["services"]["web"]["environment"])
    environment.pop("CHANGEMAKER_SITE")
    url = environment["CHANGEMAKER_DATABASE_URL"]
    environment["CHANGEMAKER_DATABASE_URL"] = re.sub(r"\$\{[^}]*\}", "letters", url)
    config = Config.load(site.folder, environment)
    assert config.database_url == "postgresql://changemaker:letters@db/changemaker"
    assert config.trusted_proxies == ("172.31.233.2/32",)
    assert config.redis_url == "redis://valkey:6379/0"
