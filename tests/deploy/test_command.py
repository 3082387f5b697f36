"""``changemaker deploy``: what it writes, and what it refuses."""

from __future__ import annotations

import re
import shutil
import subprocess

import pytest
import yaml

from changemaker_core.testing import nginx


def test_nginx_is_printed_for_this_site(run):
    done = run("nginx", "--split", "influence=127.0.0.1:4100")
    assert 'location ~ "^/campaigns(/|$)" {' in done.stdout
    assert "server 127.0.0.1:4100;" in done.stdout
    assert "server_name 127.0.0.1;" in done.stdout  # the name in base_url
    assert "trusted_proxies" in done.stderr


def test_nginx_without_a_split_has_one_process(run):
    text = run("nginx", "--no-cache").stdout
    assert "location ~" not in text
    assert "proxy_cache" not in text
    assert re.findall(r"proxy_pass (.+);", text) == ["http://changemaker_main"]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--split", "influense"], "Did you mean influence?"),
        (["--split", "accounts"], "No plugin 'accounts'"),
        (["--split", "influence=4100"], "'4100' is not an address"),
        (["--split", "influence=127.0.0.1:99999"], "is not an address"),
        (["--split", "influence=127.0.0.1:4000"], "both listen on 127.0.0.1:4000"),
        (["--split", "influence", "--split", "influence"], "split off twice"),
        (["--split", "Influence"], "is not PLUGIN"),
        (["--certificate", "/etc/chain.pem"], "needs its key"),
        (["--server-name", "a;b"], "is not a name"),
    ],
)
def test_what_cannot_be_is_refused_plainly(run, options, said):
    done = run("nginx", *options)
    assert done.returncode in (1, 2)
    assert said in done.stderr
    assert done.stdout == ""
    assert "Traceback" not in done.stderr


def test_files_are_not_replaced_unless_told(run, tmp_path):
    (tmp_path / "changemaker.conf").write_text("mine")
    done = run("nginx", "--into", tmp_path)
    assert done.returncode == 1
    assert "--force" in done.stderr
    assert (tmp_path / "changemaker.conf").read_text() == "mine"
    run("nginx", "--into", tmp_path, "--force")
    assert "proxy_pass" in (tmp_path / "changemaker.conf").read_text()


@pytest.mark.nginx
def test_nginx_takes_the_file_with_tls(deployed, tmp_path):
    """nginx -t, with a certificate made for it."""
    chain, key = tmp_path / "chain.pem", tmp_path / "key.pem"
    subprocess.run(
        [
            *("openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256"),
            *("-nodes", "-subj", "/CN=site.example", "-keyout", str(key), "-out", str(chain)),
        ],
        check=True,
        capture_output=True,
    )
    options = ["--certificate", str(chain), "--key", str(key), "--cache", str(tmp_path / "cache")]
    files = deployed("nginx", "--server-name", "site.example", "--split", "influence", *options)
    main = tmp_path / "nginx.conf"
    included = files["changemaker.conf"]
    main.write_text(
        f"pid {tmp_path}/pid; error_log {tmp_path}/log;\nevents {{}}\n"
        f"http {{ access_log off; include {included}; }}\n"
    )
    command = [nginx.find(), "-t", "-c", str(main), "-e", str(tmp_path / "log")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr
    assert "return 308 https://" in included.read_text()


def test_systemd_units_serve_what_nginx_expects(made, run, deployed):
    units = deployed("systemd", "--split", "influence", "--workers", "3")
    assert sorted(units) == ["changemaker-influence.service", "changemaker.service"]
    main = units["changemaker.service"].read_text()
    split = units["changemaker-influence.service"].read_text()
    site = f"--site {made.folder}"
    command = f"{site} serve --host 127.0.0.1 --port 4000 --workers 3 --except influence\n"
    assert command in main
    assert f"{site} serve --host 127.0.0.1 --port 4100 --workers 3 --only influence\n" in split
    conf = run("nginx", "--split", "influence").stdout
    assert "server 127.0.0.1:4100;" in conf
    assert f"ReadWritePaths={made.folder}\n" in main


def test_a_worker_has_a_unit_where_there_is_a_queue(deployed):
    environment = {
        "CHANGEMAKER_DATABASE_URL": "postgresql://changemaker@127.0.0.1/changemaker",
        "CHANGEMAKER_REDIS_URL": "redis://127.0.0.1:6379/0",
    }
    units = deployed("systemd", **environment)
    assert sorted(units) == ["changemaker-worker.service", "changemaker.service"]
    worker = units["changemaker-worker.service"].read_text()
    assert re.search(r"^ExecStart=.* worker$", worker, re.MULTILINE)
    assert "ExecReload" not in worker


def test_systemd_accepts_the_units(deployed):
    program = shutil.which("systemd-analyze")
    units = deployed("systemd", "--split", "influence", "--user", "root")
    for unit in units.values():
        _check_by_hand(unit.read_text())
        if program is None:  # what can be checked without systemd was
            continue
        verified = subprocess.run([program, "verify", unit], capture_output=True, text=True)
        assert (verified.returncode, verified.stderr) == (0, "")
        hardened = [program, "security", "--offline=true", "--threshold=25", unit]
        assert subprocess.run(hardened, capture_output=True).returncode == 0


def _check_by_hand(text):
    """Sections and keys stand where they belong."""
    sections = re.findall(r"^\[(\w+)\]$", text, re.MULTILINE)
    assert sections == ["Unit", "Service", "Install"]
    lines = [line for line in text.splitlines() if line and line[0] not in "#["]
    assert all(re.fullmatch(r"[A-Z][A-Za-z]+=.*", line) for line in lines), lines


def test_paths_with_spaces_and_specifiers_are_quoted():
    from pathlib import Path

    from changemaker_core.deploy.systemd import Machine, systemd
    from changemaker_core.deploy.topology import Topology, Upstream

    machine = Machine(site=Path("/srv/a 100% $ite"), executable=Path("/opt/my venv/changemaker"))
    (unit,) = systemd(Topology(Upstream("main", ("[::1]:4000",))), machine)
    assert 'ExecStart="/opt/my venv/changemaker" --site "/srv/a 100%% $$ite" serve' in unit.text
    assert "--host ::1 --port 4000" in unit.text
    assert 'ReadWritePaths="/srv/a 100%% $ite"\n' in unit.text


@pytest.fixture
def composed(deployed):
    files = deployed("compose", "--split", "influence", "--workers", "2")
    return files, yaml.safe_load(files["compose.yaml"].read_text())


def test_compose_names_only_what_compose_knows(composed):
    files, document = composed
    assert set(files) == {"compose.yaml", "Dockerfile", "requirements.txt", "changemaker.conf"}
    tops = {name for name in document if not name.startswith("x-")}
    assert tops == {"name", "services", "volumes", "networks"}
    known = {
        *("image", "build", "restart", "read_only", "tmpfs", "cap_drop", "security_opt", "user"),
        *("stop_grace_period", "env_file", "environment", "volumes", "depends_on", "command"),
        *("healthcheck", "ports", "networks", "shm_size"),
    }
    for service in document["services"].values():
        assert set(service) <= known
        assert all(isinstance(word, str) for word in service.get("command", []))
        assert all(isinstance(value, str) for value in service.get("environment", {}).values())


def test_compose_waits_for_what_it_needs(composed):
    services = composed[1]["services"]
    conditions = {"service_healthy", "service_completed_successfully"}
    for name, service in services.items():
        for other, how in service.get("depends_on", {}).items():
            assert other in services
            assert how["condition"] in conditions
            if how["condition"] == "service_healthy":
                assert "healthcheck" in services[other], f"{name} waits for {other}'s health"
    assert services["migrate"]["restart"] == "no"
    for name in ("db", "valkey", "web", "web-influence", "proxy"):
        check = services[name]["healthcheck"]
        assert check["test"][0] == "CMD"
        assert check["interval"].endswith("s")


def test_compose_divides_the_site_as_its_nginx_does(composed):
    files, document = composed
    services = document["services"]
    assert services["web"]["command"][-2:] == ["--except", "influence"]
    assert services["web-influence"]["command"][-2:] == ["--only", "influence"]
    conf = files["changemaker.conf"].read_text()
    assert re.findall(r"^    server (\S+);$", conf, re.MULTILINE) == [
        "web:4000",
        "web-influence:4000",
    ]
    address = services["proxy"]["networks"]["default"]["ipv4_address"]
    trusted = services["web"]["environment"]["CHANGEMAKER_TRUSTED_PROXIES"]
    assert trusted == f"{address}/32"


def test_compose_declares_its_volumes_and_no_secret(composed, made):
    files, document = composed
    named = {
        volume.partition(":")[0]
        for service in document["services"].values()
        for volume in service.get("volumes", [])
        if not volume.startswith((".", "/"))
    }
    assert named == set(document["volumes"])
    secret = (made.folder / ".env").read_text().partition("=")[2].strip()
    assert secret
    assert not [path for path in files.values() if secret in path.read_text()]
    packages = files["requirements.txt"].read_text().split()
    assert [each.partition("==")[0] for each in packages] == [
        "changemaker-core[redis]",
        "changemaker-influence",
    ]


def test_the_configuration_that_compose_writes_is_understood(composed, made):
    """What the services find in their environment is a valid configuration."""
    from changemaker_core import Config

    environment = dict(composed[1]["services"]["web"]["environment"])
    environment.pop("CHANGEMAKER_SITE")
    url = environment["CHANGEMAKER_DATABASE_URL"]
    environment["CHANGEMAKER_DATABASE_URL"] = re.sub(r"\$\{[^}]*\}", "letters", url)
    config = Config.load(made.folder, environment)
    assert config.database_url == "postgresql://changemaker:letters@db/changemaker"
    assert config.trusted_proxies == ("172.31.233.2/32",)
    assert config.redis_url == "redis://valkey:6379/0"
